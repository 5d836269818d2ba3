from trader.model.market import LiveMarket
from trader.strategy.strike import Strike, StrikeWatch


def test_the_kline_of_the_window_confirms_the_strike(make):
    watch, market = StrikeWatch(), make.market()
    watch.observe(LiveMarket(market, None), make.reference(open=61_000), market.open_ms + 5000)
    assert watch.of(market) == Strike(61_000_000_000, provisional=False)


def test_the_kline_of_another_hour_is_not_the_strike(make):
    watch, market = StrikeWatch(), make.market()
    watch.observe(LiveMarket(market, None), make.reference(open_ms=market.open_ms - 3_600_000), market.open_ms + 5000)
    assert watch.of(market) is None


def test_the_first_mid_after_an_open_that_was_seen_is_provisional(make):
    watch, market = StrikeWatch(), make.market()
    for mid, at_ms in ((59_000, -20), (60_500, 3), (62_000, 40)):
        watch.observe(LiveMarket(None, market), make.reference(mid, open=None, open_ms=None), market.open_ms + at_ms)
    assert watch.of(market) == Strike(60_500_000_000, provisional=True)


def test_a_trade_from_before_the_open_is_not_taken_for_the_strike(make):
    watch, market = StrikeWatch(), make.market()
    for mid, at_ms in ((59_000, -20), (60_500, 3)):
        watch.observe(LiveMarket(None, market), make.reference(mid, open=None, last=59_000), market.open_ms + at_ms)
    assert watch.of(market).price_micro == 60_500_000_000


def test_who_starts_after_the_open_knows_no_strike(make):
    watch, market = StrikeWatch(), make.market()
    for at_ms in (10, 60, 500):
        watch.observe(LiveMarket(market, None), make.reference(open=None, open_ms=None), market.open_ms + at_ms)
    assert watch.of(market) is None


def test_a_feed_that_was_away_over_the_open_knows_no_strike(make):
    watch, market = StrikeWatch(), make.market()
    for at_ms in (-60_000, 1_001):
        watch.observe(LiveMarket(market, None), make.reference(open=None, open_ms=None), market.open_ms + at_ms)
    assert watch.of(market) is None


def test_the_kline_replaces_the_provisional_strike(make):
    watch, market = StrikeWatch(), make.market()
    for at_ms, open_ in ((-20, None), (3, None), (2000, 60_007)):
        watch.observe(LiveMarket(market, None), make.reference(open=open_), market.open_ms + at_ms)
    assert watch.of(market) == Strike(60_007_000_000, provisional=False)


def test_a_reconnected_feed_without_a_kline_does_not_lose_the_strike(make):
    watch, market = StrikeWatch(), make.market()
    for open_ in (60_007, None):
        watch.observe(LiveMarket(market, None), make.reference(62_000, open=open_), market.open_ms + 90_000)
    assert watch.of(market) == Strike(60_007_000_000, provisional=False)


def test_a_closed_window_is_forgotten(make):
    watch, old, new = StrikeWatch(), make.market("0xaa"), make.market("0xbb", open_ms=make.market().close_ms)
    watch.observe(LiveMarket(old, new), make.reference(), old.open_ms)
    watch.observe(LiveMarket(new, None), make.reference(), new.open_ms + 50)
    assert watch.of(old) is None


def test_a_wall_clock_set_back_over_the_open_does_not_take_the_strike_twice(make):
    watch, market = StrikeWatch(), make.market()
    for mid, at_ms in ((59_000, -20), (60_500, 3), (61_000, -5), (62_000, 4)):
        watch.observe(LiveMarket(market, None), make.reference(mid, open=None), market.open_ms + at_ms)
    assert watch.of(market).price_micro == 60_500_000_000
