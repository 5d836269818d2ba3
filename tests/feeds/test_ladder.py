from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trader.feeds.ladder import Ladder, LadderSide
from trader.model.book import TOP_LEVELS, Level
from trader.model.units import PriceBp, SizeMicro

changes = st.lists(st.tuples(st.integers(0, 60).map(lambda i: PriceBp(i * 25)), st.integers(0, 3).map(SizeMicro)), max_size=60)


@given(changes, st.booleans())
def test_the_top_is_what_a_sorted_dictionary_says_after_every_change(sequence: list[tuple[PriceBp, SizeMicro]], is_bid: bool) -> None:
    side, model = LadderSide(is_bid=is_bid), dict[PriceBp, SizeMicro]()
    for price_bp, size_micro in sequence:
        side.set(price_bp, size_micro)
        model[price_bp] = size_micro
        expected = [Level(p, s) for p, s in sorted(model.items(), reverse=is_bid) if s][:TOP_LEVELS]
        assert side.top() == tuple(expected)
        assert side.best_bp == (expected[0].price_bp if expected else None)


@given(changes)
def test_loading_replaces_everything_in_whatever_order(levels: list[tuple[PriceBp, SizeMicro]]) -> None:
    one, other = Ladder(), Ladder()
    unique = list(dict(levels).items())
    one.load([(PriceBp(9_000), SizeMicro(1))], [(PriceBp(9_100), SizeMicro(1))])
    one.load(unique, ())
    other.load(reversed(unique), ())
    assert (one.bids.top(), one.asks.top()) == (other.bids.top(), ())


def test_the_ends_of_the_dollar_are_prices_too() -> None:
    side = LadderSide(is_bid=False)
    for price_bp in (0, 10_000):
        side.set(PriceBp(price_bp), SizeMicro(1))
    assert [level.price_bp for level in side.top()] == [0, 10_000]


def test_removing_what_is_not_there_changes_nothing() -> None:
    side = LadderSide(is_bid=True)
    side.set(PriceBp(5), SizeMicro(0))
    assert (side.best_bp, side.top()) == (None, ())


def test_a_change_behind_the_shown_levels_keeps_the_very_same_tuple() -> None:
    side = LadderSide(is_bid=True)
    for price_bp in range(10, 20):
        side.set(PriceBp(price_bp), SizeMicro(1))
    shown = side.top()
    side.set(PriceBp(11), SizeMicro(7))
    assert side.top() is shown


def test_every_level_is_listed_best_first_on_both_sides() -> None:
    bids, asks = LadderSide(is_bid=True), LadderSide(is_bid=False)
    for side in (bids, asks):
        for price_bp in (3000, 1000, 2000):
            side.set(PriceBp(price_bp), SizeMicro(price_bp))
    assert [level.price_bp for level in bids.levels()] == [3000, 2000, 1000]
    assert [level.price_bp for level in asks.levels()] == [1000, 2000, 3000]
