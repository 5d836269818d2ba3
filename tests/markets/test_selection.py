import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader.markets.selection import Sighting, learn, next_switch_ms, select
from trader.model.market import LiveMarket, Market
from trader.venues.contract import Listing


def window(condition_id: str, open_ms: int, close_ms: int, slug: str = "") -> Market:
    return Market(slug or condition_id, condition_id, "1", "2", 100, 5_000_000, open_ms, close_ms, "v2", False)


A, B, C = window("a", 0, 100), window("b", 100, 200), window("c", 200, 300)


def choose(markets, now_ms, live_id=None):
    chosen = select([Sighting(m) for m in markets], now_ms, live_id)
    return chosen.now and chosen.now.condition_id, chosen.next and chosen.next.condition_id


@pytest.mark.parametrize(("now_ms", "expected"), [
    (-1, (None, "a")), (0, ("a", "b")), (99, ("a", "b")), (100, ("b", "c")), (299, ("c", None)), (300, (None, None)),
])
def test_a_window_is_live_from_its_open_to_just_before_its_close(now_ms, expected):
    assert choose([C, A, B], now_ms) == expected


def test_between_two_windows_none_is_live_and_the_later_one_is_next():
    assert choose([A, C], 150) == (None, "c")


def test_of_overlapping_windows_the_first_to_close_is_taken_and_the_other_comes_next():
    assert choose([A, window("x", 50, 150), B], 60) == ("a", "x")


def test_the_live_window_stays_live_while_another_opens_inside_it():
    inside = window("x", 40, 60)
    assert choose([A, inside, B], 45, live_id="a") == ("a", "b")


def test_a_duplicate_of_the_live_window_is_not_the_next_one():
    assert choose([A, window("twin", 0, 100), B], 50, live_id="a") == ("a", "b")


def test_both_windows_of_a_repeated_hour_are_told_apart_by_their_condition_id():
    one, two = window("a", 0, 100, "nov-1-1am-et"), window("b", 100, 200, "nov-1-1am-et")
    assert [choose([one, two], now_ms)[0] for now_ms in (50, 150)] == ["a", "b"]


@pytest.mark.parametrize(("chosen", "expected_ms"), [
    (LiveMarket(A, B), 100), (LiveMarket(A, None), 100), (LiveMarket(None, B), 100), (LiveMarket(None, None), None),
])
def test_the_next_switch_is_the_close_of_the_live_window_or_the_open_of_the_next(chosen, expected_ms):
    assert next_switch_ms(chosen) == expected_ms


def names(known):
    return [s.market.condition_id for s in known]


def test_closed_windows_are_forgotten_and_never_learnt():
    assert names(learn([Sighting(A)], Listing((A, B)), now_ms=100)) == ["b"]


def test_a_window_left_out_twice_while_later_ones_are_listed_is_not_tradable():
    known = learn((), Listing((A, B)), 10)
    once = learn(known, Listing((B,)), 20)
    assert names(once) == ["a", "b"]
    assert names(learn(once, Listing((B,)), 30)) == ["b"]


def test_a_window_that_is_said_to_take_no_orders_is_not_tradable_at_once():
    assert names(learn(learn((), Listing((A, B)), 10), Listing((B,), frozenset({"a"})), 20)) == ["b"]


def test_a_window_that_takes_orders_again_is_tradable_again():
    shut = learn(learn((), Listing((A,)), 10), Listing((), frozenset({"a"})), 20)
    assert (names(shut), names(learn(shut, Listing((A,)), 30))) == ([], ["a"])


def test_a_window_that_is_listed_again_starts_from_nothing():
    known = learn((), Listing((A, B)), 10)
    for listed in ([B], [A, B], [B]):
        known = learn(known, Listing(tuple(listed)), 20)
    assert names(known) == ["a", "b"]


@pytest.mark.parametrize("listed", [[], [A]])
def test_an_empty_or_short_listing_says_nothing_about_later_windows(listed):
    known = learn((), Listing((A, B)), 10)
    for _ in range(5):
        known = learn(known, Listing(tuple(listed)), 20)
    assert names(known) == ["a", "b"]


def test_the_newest_version_of_a_window_counts():
    known = learn(learn((), Listing((A,)), 10), Listing((A._replace(tick_bp=10),)), 20)
    assert [s.market.tick_bp for s in known] == [10]


windows = st.lists(
    st.tuples(st.integers(0, 50), st.integers(1, 20)), max_size=8,
).map(lambda spans: [window(str(n), start, start + length) for n, (start, length) in enumerate(spans)])


@given(windows, st.integers(-5, 80), st.none() | st.integers(0, 7).map(str))
def test_whatever_is_listed_the_live_window_is_open_and_the_next_closes_later(markets, now_ms, live_id):
    live, coming = select([Sighting(m) for m in markets], now_ms, live_id)
    assert (live is None) == (not any(m.open_ms <= now_ms < m.close_ms for m in markets))
    assert live is None or live.open_ms <= now_ms < live.close_ms
    assert coming is None or coming.close_ms > (live.close_ms if live else now_ms)


@given(st.lists(windows, max_size=6), st.integers(0, 60))
def test_learning_keeps_one_sighting_a_window_and_none_that_closed(listings, now_ms):
    known = ()
    for listed in listings:
        known = learn(known, Listing(tuple(listed)), now_ms)
    assert len(set(names(known))) == len(known)
    assert all(s.market.close_ms > now_ms for s in known)
