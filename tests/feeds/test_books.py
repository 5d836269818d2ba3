from __future__ import annotations

from trader.feeds.books import AHEAD_DUMP_NS, DUMP_NS, Books, Repair
from trader.feeds.verbatim import BURST_NS
from trader.handoff.orders import Subscription
from trader.model.market import Market
from trader.model.units import PriceBp, SizeMicro
from trader.venues.contract import BookDump, Ignored, LevelChange, Pong, TickChange


def market(name: str) -> Market:
    return Market(name, f"0x{name}", f"{name}-yes", f"{name}-no", PriceBp(100), SizeMicro(5_000_000), 0, 1, "v1", False)


NOW, NEXT = market("now"), market("next")


def dump(token: str, bid: int = 4000, ask: int = 6000) -> BookDump:
    return BookDump(token, ((PriceBp(bid), SizeMicro(10)),), ((PriceBp(ask), SizeMicro(10)),), None, 1, "h")


def change(token: str, price: int, bid: int, ms: int = 2) -> LevelChange:
    return LevelChange(token, True, PriceBp(price), SizeMicro(5), PriceBp(bid), PriceBp(6000), ms, "h")


def books(*, dumped: tuple[Market, ...] = (NOW,), ahead: tuple[Market, ...] = ()) -> Books:
    made = Books()
    made.want(Subscription(NOW, ahead), 0)
    for each in dumped:
        for token in each.tokens:
            made.apply(dump(token), 0)
    return made


def test_nothing_is_published_until_both_tokens_are_whole() -> None:
    made = books(dumped=())
    made.apply(dump(NOW.yes_token), 0)
    assert made.market_book(0) is None and made.is_suspect
    made.apply(dump(NOW.no_token), 0)
    assert made.market_book(0) is not None and not made.is_suspect


def test_a_book_is_published_once_and_again_when_something_changed() -> None:
    made = books()
    first, second = made.market_book(5), made.market_book(6)
    made.apply(change(NOW.yes_token, 4100, 4100), 7)
    third = made.market_book(7)
    assert first is not None and second is None and third is not None
    assert (third.seq - first.seq, third.yes.bid_bp, third.received_ns, third.venue_ms) == (1, 4100, 7, 2)


def test_a_burst_in_flight_is_not_published_and_is_not_suspect() -> None:
    made = books()
    made.market_book(0)
    made.apply(change(NOW.yes_token, 4100, 4200), 1)
    assert made.market_book(1) is None and not made.is_suspect
    assert made.deadline_ns() == 1 + BURST_NS


def test_a_wrong_book_is_suspect_changes_the_generation_and_is_asked_for_once() -> None:
    made = books()
    made.apply(change(NOW.yes_token, 4100, 4200), 0)
    assert made.repair(BURST_NS) == Repair((NOW.yes_token,), None)
    assert made.is_suspect and made.generation == 1 and made.market_book(BURST_NS) is None
    assert made.repair(BURST_NS + 1) == Repair((), None)


def test_a_repair_that_brings_no_dump_ends_the_connection() -> None:
    made = books()
    made.apply(change(NOW.yes_token, 4100, 4200), 0)
    made.repair(BURST_NS)
    assert made.repair(BURST_NS + DUMP_NS - 1).lost is None
    assert made.repair(BURST_NS + DUMP_NS).lost == NOW.yes_token


def test_a_live_token_without_a_dump_is_asked_for_again_before_the_connection_is_given_up() -> None:
    made = books(dumped=())
    assert made.repair(DUMP_NS) == Repair(NOW.tokens, None)
    assert made.repair(2 * DUMP_NS).lost in NOW.tokens


def test_a_market_ahead_may_be_silent() -> None:
    made = books(ahead=(NEXT,))
    assert made.repair(AHEAD_DUMP_NS - 1) == Repair((), None)
    assert made.repair(AHEAD_DUMP_NS) == Repair(NEXT.tokens, None)
    assert made.repair(3 * AHEAD_DUMP_NS) == Repair(NEXT.tokens, None)


def test_a_switch_publishes_the_next_market_at_once_and_nothing_of_the_old_one_after_it() -> None:
    made = books(dumped=(NOW, NEXT), ahead=(NEXT,))
    assert made.want(Subscription(NEXT), 1) == ([], list(NOW.tokens))
    made.apply(change(NOW.yes_token, 4100, 4100), 1)
    book = made.market_book(1)
    assert book is not None and book.condition_id == NEXT.condition_id
    assert made.events()["foreign"] == 1


def test_a_market_that_becomes_live_has_a_fresh_deadline_for_its_dump() -> None:
    made = books(ahead=(NEXT,))
    made.want(Subscription(NEXT), AHEAD_DUMP_NS - 1)
    assert made.repair(AHEAD_DUMP_NS) == Repair((), None)


def test_no_live_market_publishes_nothing_and_is_not_suspect() -> None:
    made = books()
    made.want(Subscription(None, (NOW,)), 1)
    made.apply(change(NOW.yes_token, 4100, 4100), 1)
    assert made.market_book(1) is None and not made.is_suspect


def test_a_lost_connection_forgets_every_book() -> None:
    made = books()
    made.forget(1)
    assert made.is_suspect and made.generation == 1 and made.market_book(1) is None


def test_a_new_tick_is_a_new_generation_and_waits_for_the_dump() -> None:
    made = books()
    made.apply(TickChange(NOW.yes_token, PriceBp(10)), 1)
    assert made.generation == 1 and made.is_suspect and made.repair(1) == Repair((), None)
    made.apply(dump(NOW.yes_token), 2)
    book = made.market_book(2)
    assert book is not None and (book.yes.tick_bp, book.no.tick_bp) == (10, 100)


def test_events_are_counted_by_kind_and_those_that_no_book_needs_by_name() -> None:
    made = books()
    for event in (Pong(), Ignored("new_market"), Ignored("new_market"), change(NOW.yes_token, 4100, 4100)):
        made.apply(event, 1)
    assert made.events() == {"BookDump": 2, "Pong": 1, "new_market": 2, "LevelChange": 1}
