from __future__ import annotations

from trader.feeds.token_book import Integrity, TokenBook
from trader.feeds.verbatim import BURST_NS
from trader.model.units import PriceBp, SizeMicro
from trader.venues.contract import BookDump, LevelChange, TopOnly


def bp(value: int | None) -> PriceBp | None:
    return None if value is None else PriceBp(value)


def dump(*, bids: tuple[int, ...] = (2900, 3110), asks: tuple[int, ...] = (3970,), ms: int = 1, tick_bp: int | None = 10) -> BookDump:
    levels = [tuple((PriceBp(p), SizeMicro(10)) for p in side) for side in (bids, asks)]
    return BookDump("1", levels[0], levels[1], bp(tick_bp), ms, "h0")


def change(price: int, size: int, top: tuple[int | None, int | None], *, is_bid: bool = True, ms: int = 2,
           hash: str = "h") -> LevelChange:
    return LevelChange("1", is_bid, PriceBp(price), SizeMicro(size), bp(top[0]), bp(top[1]), ms, hash)


def book() -> TokenBook:
    token = TokenBook("1", PriceBp(100), Integrity(), 0)
    token.dump(dump(), 0)
    return token


def test_nothing_is_whole_before_the_first_dump() -> None:
    token = TokenBook("1", PriceBp(100), Integrity(), 0)
    token.change(change(3000, 5, (3000, None)), 0)
    assert not token.has_dump and not token.is_whole


def test_a_dump_is_whole_and_brings_its_tick() -> None:
    assert book().is_whole and book().top().tick_bp == 10


def test_a_dump_that_does_not_say_its_tick_leaves_the_known_one() -> None:
    token = book()
    token.dump(dump(tick_bp=None), 0)
    assert token.top().tick_bp == 10


def test_a_size_is_absolute_and_zero_removes_the_level() -> None:
    token = book()
    token.change(change(3110, 7, (3110, 3970)), 0)
    assert token.top().bids[0] == (3110, 7)
    token.change(change(3110, 0, (2900, 3970), ms=3), 0)
    assert token.top().bid_bp == 2900 and token.is_whole


def test_a_burst_is_not_whole_until_our_top_is_the_venues() -> None:
    """The recorded burst: a taker sells through two bids; in between, the book is crossed."""
    token = book()
    final = (2900, 3010)
    token.change(change(3010, 45, final, is_bid=False), 0)
    assert not token.is_whole
    token.change(change(3110, 0, final), 0)
    assert token.is_whole and token.top().ask_bp == 3010


def test_a_book_that_agrees_but_is_crossed_is_not_whole() -> None:
    token = book()
    token.change(change(3010, 45, (3110, 3010), is_bid=False), 0)
    assert not token.is_whole


def test_a_burst_may_take_just_under_five_milliseconds() -> None:
    token = book()
    token.change(change(3110, 0, (2500, 3970)), 0)
    token.expire(BURST_NS - 1)
    assert token.has_dump
    token.expire(BURST_NS)
    assert not token.has_dump and token.is_wrong


def test_the_next_update_ends_a_burst_that_never_agreed() -> None:
    token = book()
    token.change(change(3110, 0, (2500, 3970)), 0)
    token.change(change(2800, 1, (2900, 3970), ms=3, hash="next"), 0)
    assert token.is_wrong


def test_a_wrong_book_waits_for_a_dump_and_is_right_again_with_it() -> None:
    token = book()
    token.change(change(3110, 0, (2500, 3970)), 0)
    token.expire(BURST_NS)
    token.change(change(3110, 5, (3110, 3970), ms=4), BURST_NS)
    assert not token.has_dump
    token.dump(dump(), BURST_NS)
    assert token.is_whole and not token.is_wrong


def test_a_bare_top_only_checks() -> None:
    token = book()
    token.check(TopOnly("1", bp(3110), bp(3970), 2), 0)
    assert token.is_whole
    token.check(TopOnly("1", bp(3120), bp(3970), 3), 0)
    token.expire(BURST_NS)
    assert token.is_wrong


def test_a_bare_top_may_come_before_the_change_that_it_tells_of() -> None:
    token = book()
    token.check(TopOnly("1", bp(3120), bp(3970), 3), 0)
    token.change(change(3120, 1, (3120, 3970), ms=3), 0)
    assert token.is_whole


def test_a_bare_top_that_is_older_than_the_book_says_nothing() -> None:
    token = book()
    token.change(change(3120, 1, (3120, 3970), ms=3), 0)
    token.check(TopOnly("1", bp(3110), bp(3970), 2), 0)
    assert token.is_whole


def test_a_new_tick_drops_the_book() -> None:
    token = book()
    token.new_tick(PriceBp(1), 7)
    assert not token.has_dump and not token.is_wrong and token.asked_ns == 7
    token.dump(dump(tick_bp=None), 8)
    assert token.top().tick_bp == 1


def test_every_comparison_and_every_mismatch_is_counted() -> None:
    integrity = Integrity()
    token = TokenBook("1", PriceBp(100), integrity, 0)
    token.dump(dump(), 0)
    token.change(change(3110, 0, (2500, 3970)), 0)
    token.expire(BURST_NS)
    assert (integrity.checks, integrity.mismatches) == (2, 1)
