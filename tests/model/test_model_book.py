"""When a feed may not be quoted on, to the nanosecond; and what an empty side is."""

from __future__ import annotations

from trader.model.book import BookTop, FeedHealth, Level, ReferencePrice
from trader.model.units import PriceBp, SizeMicro

NOW_NS = 100_000_000_000
LIMIT_MS, LIMIT_NS = 500, 500_000_000
THREAD_NS = LIMIT_NS + 1_000_000_000
FRESH = FeedHealth(connected=True, as_of_ns=NOW_NS, last_frame_ns=NOW_NS, last_data_ns=NOW_NS, probe_sent_ns=None, generation=1,
                   suspect=False)


def test_a_quiet_market_with_no_open_probe_is_fresh_however_old_its_data():
    assert FRESH._replace(last_frame_ns=0, last_data_ns=0).stale_reason(NOW_NS, LIMIT_MS) is None


def test_a_probe_makes_the_feed_stale_exactly_at_the_limit():
    just_before = FRESH._replace(probe_sent_ns=NOW_NS - LIMIT_NS + 1)
    at_limit = FRESH._replace(probe_sent_ns=NOW_NS - LIMIT_NS)
    assert just_before.stale_reason(NOW_NS, LIMIT_MS) is None
    assert at_limit.stale_reason(NOW_NS, LIMIT_MS) == "probe unanswered for 500 ms"


def test_a_disconnected_feed_is_stale_at_once():
    assert FRESH._replace(connected=False).stale_reason(NOW_NS, LIMIT_MS) == "disconnected"


def test_a_feed_thread_that_stopped_writing_is_stale_a_second_after_the_limit():
    at_limit = FRESH._replace(as_of_ns=NOW_NS - THREAD_NS)
    beyond = FRESH._replace(as_of_ns=NOW_NS - THREAD_NS - 1)
    assert at_limit.stale_reason(NOW_NS, LIMIT_MS) is None
    assert beyond.stale_reason(NOW_NS, LIMIT_MS) == "feed thread silent for 1500 ms"


def test_a_silent_thread_is_named_before_what_it_said_last():
    hung = FRESH._replace(as_of_ns=0, connected=False, probe_sent_ns=0)
    assert "silent" in hung.stale_reason(NOW_NS, LIMIT_MS)


def test_an_empty_side_is_none_and_never_a_price():
    book = BookTop("1", bids=(), asks=(), tick_bp=PriceBp(100))
    assert (book.bid_bp, book.ask_bp) == (None, None)


def test_the_best_price_is_the_first_level():
    bids = (Level(PriceBp(5_100), SizeMicro(1)), Level(PriceBp(5_000), SizeMicro(9)))
    asks = (Level(PriceBp(5_200), SizeMicro(1)), Level(PriceBp(5_300), SizeMicro(9)))
    book = BookTop("1", bids, asks, PriceBp(100))
    assert (book.bid_bp, book.ask_bp) == (5_100, 5_200)


def test_the_middle_of_a_reference_price_is_a_whole_micro_dollar():
    price = ReferencePrice("BTCUSDT", 60_000_000_000, 60_000_000_001, None, None, None, 0)
    assert price.mid_micro == 60_000_000_000
