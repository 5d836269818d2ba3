from __future__ import annotations

from trader.feeds.verbatim import BURST_NS, Verbatim
from trader.model.units import PriceBp, SizeMicro
from trader.venues.contract import BookDump, BookSample, LastTrade, LevelChange

TICK = PriceBp(10)


def dump(*, hash: str = "d", ms: int = 1, last_trade: str | None = "0.5") -> BookDump:
    return BookDump("11", ((PriceBp(4000), SizeMicro(5)),), ((PriceBp(6000), SizeMicro(7)),), None, ms, hash,
                    (("0.40", "5.0"),), (("0.6", "7"),), last_trade)


def change(price: int, text: str, size: str, *, hash: str = "h", ms: int = 2, is_bid: bool = True) -> LevelChange:
    return LevelChange("11", is_bid, PriceBp(price), SizeMicro(0 if size == "0" else 1), None, None, ms, hash, text, size)


def dumped(last_trade: str | None = "0.5") -> Verbatim:
    made = Verbatim("11", TICK)
    made.load(dump(last_trade=last_trade), TICK, 0)
    return made


def sampled(book: Verbatim, now_ns: int = 10**9) -> BookSample:
    book.is_asked = True
    sample = book.sample(now_ns)
    assert sample is not None
    return sample


def test_a_sample_is_the_book_as_it_was_written() -> None:
    assert sampled(dumped()) == BookSample("11", "d", 1, TICK, ((4000, ("0.40", "5.0")),), ((6000, ("0.6", "7")),), "0.5", True, None)


def test_nothing_is_handed_out_that_nobody_asked_for_and_nothing_twice() -> None:
    book = dumped()
    assert book.sample(10**9) is None
    assert sampled(book) and book.sample(2 * 10**9) is None


def test_a_change_replaces_adds_or_removes_the_text_of_its_level() -> None:
    book = dumped()
    book.change(change(4000, "0.4", "9"), 0)
    book.change(change(3900, "0.39", "1"), 0)
    book.change(change(6000, "0.6", "0", is_bid=False), 0)
    sample = sampled(book)
    assert (dict(sample.bids), sample.asks) == ({4000: ("0.4", "9"), 3900: ("0.39", "1")}, ())
    assert (sample.hash, sample.venue_ms) == ("h", 2)


def test_a_burst_that_may_still_go_on_is_not_sampled_until_five_milliseconds_are_over() -> None:
    book = dumped()
    book.is_asked = True
    book.change(change(4000, "0.4", "9"), 100)
    book.sample(100)                     # the dump before it was complete, and was taken
    book.is_asked = True
    assert book.sample(100 + BURST_NS - 1) is None
    assert book.sample(100 + BURST_NS) is not None


def test_in_a_busy_market_the_state_before_the_next_update_is_the_sample() -> None:
    book = dumped()
    book.change(change(4000, "0.4", "9", hash="one"), 0)
    book.is_asked = True
    book.change(change(4100, "0.41", "1", hash="one"), 1)
    assert book.sample(1) is None
    book.change(change(4200, "0.42", "1", hash="two"), 2)
    sample = book.sample(2)
    assert sample is not None and sample.hash == "one" and set(dict(sample.bids)) == {4000, 4100}


def test_a_dump_ends_the_update_before_it_too() -> None:
    book = dumped()
    book.is_asked = True
    book.load(dump(hash="e"), TICK, 1)
    sample = book.sample(1)
    assert sample is not None and sample.hash == "d"


def test_what_is_forgotten_is_not_sampled_before_the_next_dump() -> None:
    book = dumped()
    book.is_asked = True
    book.forget()
    book.is_asked = True
    assert book.sample(10**9) is None
    book.load(dump(), TICK, 10**9)
    assert book.sample(2 * 10**9) is not None


def test_a_dump_after_a_trade_leaves_the_last_trade_unsure_until_it_is_told() -> None:
    book = dumped()
    book.load(dump(last_trade=None, ms=5), TICK, 0)
    assert not sampled(book).last_trade_is_sure
    book.traded(LastTrade("11", "0.41", 4))          # 88 ms late: of the trade before
    assert not sampled(book).last_trade_is_sure
    book.traded(LastTrade("11", "0.42", 5))
    assert sampled(book)[-3:] == ("0.42", True, None)


def test_a_trade_of_the_other_outcome_makes_the_last_trade_unsure() -> None:
    book = dumped()
    book.other_traded(LastTrade("12", "0.6", 5))
    assert sampled(book)[-3:] == ("0.5", False, "0.6")
    book.load(dump(), TICK, 0)
    assert sampled(book)[-3:] == ("0.5", True, None)


def test_where_nobody_asks_for_samples_no_text_is_kept() -> None:
    book = Verbatim("11", TICK, is_kept=False)
    book.load(dump(), TICK, 0)
    book.change(change(3900, "0.39", "1"), 0)
    book.is_asked = True
    assert book.sample(10**9) is None
