from trader.markets.resolution import Resolutions
from trader.model.market import Market

S = 1_000_000_000
MARKET = Market("hour", "0xa", "1", "2", 100, 5_000_000, 0, 3_600_000, "v1", False)


def test_the_first_question_comes_a_second_after_the_close_and_the_wait_doubles_to_a_minute():
    pending, now_ns, asked = Resolutions(), 0, []
    pending.add(MARKET, 0)
    while now_ns < 300 * S:
        now_ns += S
        if pending.due(now_ns):
            asked.append(now_ns // S)
            assert pending.unknown(MARKET, now_ns)
    assert asked == [1, 3, 7, 15, 31, 63, 123, 183, 243]


def test_a_known_outcome_is_not_asked_for_again():
    pending = Resolutions()
    pending.add(MARKET, 0)
    pending.known(MARKET)
    assert pending.due(10 * S) is None


def test_a_window_without_outcome_is_given_up_after_two_days():
    pending = Resolutions()
    pending.add(MARKET, 0)
    assert pending.unknown(MARKET, 47 * 3600 * S) and not pending.unknown(MARKET, 48 * 3600 * S)
    assert pending.due(100 * 3600 * S) is None


def test_a_window_that_was_asked_about_before_it_closed_is_asked_soon_after_it_closes():
    pending = Resolutions()
    pending.add(MARKET, 0)
    for _ in range(8):
        pending.unknown(MARKET, 0)
    pending.add(MARKET, 10**9)
    assert pending.due(2 * 10**9 - 1) is None and pending.due(2 * 10**9) is MARKET
