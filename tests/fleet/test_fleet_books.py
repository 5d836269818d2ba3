from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from trader.errors import WireError
from trader.fleet.books import ASK_AGAIN_NS, FleetBooks
from trader.model.units import PriceBp, SizeMicro
from trader.venues.contract import BookDump, BookEvent, LastTrade, LevelChange, TickChange, TopOnly

OLD, NEW = 1, 2
BURST_NS = 5_000_000


def bp(value: int | None) -> PriceBp | None:
    return None if value is None else PriceBp(value)


def dump(bid: int = 4000, ask: int = 6000, ms: int = 1, token: str = "y", size: int = 10) -> BookDump:
    bids, asks = ((PriceBp(bid), SizeMicro(size)),), ((PriceBp(ask), SizeMicro(size)),)
    return BookDump(token, bids, asks, PriceBp(100), ms, "h")


def bid(price: int, size: int, top: tuple[int | None, int | None], ms: int = 2, token: str = "y") -> LevelChange:
    return LevelChange(token, True, PriceBp(price), SizeMicro(size), bp(top[0]), bp(top[1]), ms, f"h{ms}")


class Tape:
    """Frames are names of event lists: what a decoder would have made of them."""

    def __init__(self) -> None:
        self.events: dict[bytes, list[BookEvent]] = {}
        self.books = FleetBooks(self.decode)
        self.books.assign(OLD, [["y", "0x1", 100], ["n", "0x1", 100]], 0)

    def decode(self, frame: bytes) -> list[BookEvent]:
        if frame.startswith(b"bad"):
            raise WireError("cannot be read", remedy="None.")
        return self.events[frame]

    def send(self, connection: int, *events: BookEvent, now_ns: int = 0) -> None:
        name = str(len(self.events)).encode()
        self.events[name] = list(events)
        self.books.apply(connection, [name], now_ns)

    def best(self, token: str = "y") -> tuple[int | None, int | None]:
        book = self.books.book(token)
        assert book is not None
        return book.top().bid_bp, book.top().ask_bp


def with_book() -> Tape:
    tape = Tape()
    tape.send(OLD, dump())
    tape.books.take_owned()
    return tape


def test_the_first_dump_of_the_owner_is_told_once():
    tape = Tape()
    tape.send(OLD, dump())
    tape.send(OLD, dump(ms=2))
    assert tape.books.take_owned() == [(OLD, "y")] and tape.books.take_owned() == []


def test_frames_of_a_connection_that_does_not_own_the_token_change_nothing():
    tape = with_book()
    tape.send(NEW, bid(4500, 5, (4500, 6000)), dump(4400))
    assert tape.best() == (4000, 6000) and tape.books.foreign == 2


def test_a_moving_token_listens_to_its_old_connection_until_the_new_one_has_a_book():
    tape = with_book()
    tape.books.move(NEW, ["y"], 0)
    tape.send(NEW, bid(4500, 5, (4500, 6000), ms=9))
    tape.send(OLD, bid(4100, 5, (4100, 6000), ms=3))
    assert tape.best() == (4100, 6000) and tape.books.take_owned() == []


def test_it_moves_with_the_new_connections_book():
    tape = with_book()
    tape.books.move(NEW, ["y"], 0)
    tape.send(NEW, dump(4200, ms=3))
    assert tape.best() == (4200, 6000) and tape.books.take_owned() == [(NEW, "y")]
    tape.send(OLD, bid(4100, 5, (4100, 6000), ms=4))
    assert tape.best() == (4200, 6000)


def test_a_new_connection_that_lags_does_not_take_the_book_back_in_time():
    tape = with_book()
    tape.books.move(NEW, ["y"], 0)
    tape.send(OLD, bid(4100, 5, (4100, 6000), ms=7))
    tape.send(NEW, dump(4000, ms=3))
    assert tape.best() == (4100, 6000) and tape.books.take_owned() == []
    tape.send(NEW, bid(4100, 5, (4100, 6000), ms=7))
    assert tape.best() == (4100, 6000) and tape.books.take_owned() == [(NEW, "y")]


def test_a_move_that_is_off_leaves_a_book_that_missed_nothing():
    tape = with_book()
    tape.books.move(NEW, ["y"], 0)
    tape.send(OLD, bid(4100, 5, (4100, 6000)))
    tape.books.abort(["y"])
    tape.send(NEW, dump(4900, ms=99))
    assert tape.best() == (4100, 6000) and tape.books.owners()["y"] == OLD


def test_a_token_that_moves_while_its_old_line_is_down_takes_the_new_book_at_once():
    tape = with_book()
    tape.books.move(NEW, ["y"], 0)
    tape.books.lost(OLD, 1)
    tape.send(NEW, dump(4200, ms=1))
    assert tape.books.owners()["y"] == NEW


def test_a_lost_line_leaves_no_book_that_could_be_believed():
    tape = with_book()
    tape.books.lost(OLD, 1)
    tape.send(OLD, bid(4100, 5, (4100, 6000)))
    assert tape.books.counts()["whole"] == 0


def test_a_book_that_differs_from_the_venues_top_is_asked_for_anew():
    tape = with_book()
    tape.send(OLD, bid(4100, 5, (4300, 6000)))
    tape.books.expire_bursts(BURST_NS)
    assert tape.books.take_doubted() == [(OLD, "y")] and tape.books.integrity.mismatches == 1


def test_a_burst_is_not_a_mismatch():
    tape = with_book()
    tape.send(OLD, bid(6100, 5, (6100, 6200), ms=3))
    assert tape.books.counts()["whole"] == 0 and tape.books.deadline_ns() == BURST_NS
    tape.send(OLD, LevelChange("y", False, PriceBp(6000), SizeMicro(0), bp(6100), None, 3, "h3"))
    tape.books.expire_bursts(BURST_NS)
    assert tape.books.counts()["whole"] == 1 and tape.books.take_doubted() == []


def test_a_dump_that_does_not_come_is_asked_for_again():
    tape = Tape()
    tape.books.ask_again(ASK_AGAIN_NS - 1)
    assert tape.books.take_doubted() == []
    tape.books.ask_again(ASK_AGAIN_NS)
    assert sorted(tape.books.take_doubted()) == [(OLD, "n"), (OLD, "y")]


def test_a_frame_that_cannot_be_read_costs_both_books_of_its_market():
    tape = with_book()
    tape.send(OLD, dump(token="n"))
    tape.books.apply(OLD, [b'bad "y" cut o'], 1)
    assert sorted(tape.books.take_doubted()) == [(OLD, "n"), (OLD, "y")] and tape.books.counts()["whole"] == 0


def test_a_new_tick_waits_for_a_new_dump():
    tape = with_book()
    tape.send(OLD, TickChange("y", PriceBp(10)))
    assert tape.books.counts()["whole"] == 0


def test_touched_books_are_told_once_a_batch_and_only_when_they_are_whole():
    tape = with_book()
    tape.books.take_touched()
    tape.send(OLD, bid(4100, 5, (4100, 6000)), bid(4200, 5, (4200, 6000)), TopOnly("n", None, None, 5))
    assert [asset.book.token_id for asset in tape.books.take_touched()] == ["y"]
    assert tape.books.take_touched() == []


def test_trades_are_kept_for_the_handler():
    tape = with_book()
    trade = LastTrade("y", "0.5", 3)
    tape.send(OLD, trade)
    assert tape.books.take_trades() == [("0x1", trade)]


def test_a_dropped_market_is_gone_with_all_that_waited_of_it():
    tape = with_book()
    tape.send(OLD, bid(4100, 5, (4300, 6000)))
    assert tape.books.drop(["y", "n"]) == ["0x1"] and tape.books.deadline_ns() is None
    assert tape.books.counts()["assets"] == 0


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 3)), min_size=1, max_size=25), st.data())
def test_however_two_connections_interleave_the_moved_book_equals_the_venues(moves, data):
    """Both carry the same history; the new one starts with a dump somewhere in it. No update is lost, doubled or reordered."""
    history: list[tuple[dict[int, int], LevelChange]] = []
    state = {10: 1}
    for ms, (tick, size) in enumerate(moves, start=2):
        state = {price: have for price, have in {**state, tick: size}.items() if have}
        best = max(state, default=None)
        history.append((state, bid(tick * 100, size, (None if best is None else best * 100, 6000), ms=ms)))
    start = data.draw(st.integers(0, len(history)))
    dumped = history[start - 1][0] if start else {10: 1}
    first = BookDump("y", ((PriceBp(1000), SizeMicro(1)),), ((PriceBp(6000), SizeMicro(1)),), PriceBp(100), 1, "h")
    fresh = BookDump("y", tuple((PriceBp(p * 100), SizeMicro(s)) for p, s in dumped.items()), ((PriceBp(6000), SizeMicro(1)),),
                     PriceBp(100), start + 1, "h")
    old: list[BookEvent] = [first, *(change for _, change in history)]
    new: list[BookEvent] = [fresh, *(change for _, change in history[start:])]
    tape = Tape()
    tape.send(OLD, old.pop(0))
    tape.books.move(NEW, ["y"], 0)
    newest = 0
    while old or new:
        connection = data.draw(st.sampled_from([one for one, left in ((OLD, old), (NEW, new)) if left]))
        tape.send(connection, (old if connection == OLD else new).pop(0))
        book = tape.books.book("y")
        assert book is not None and book.venue_ms >= newest
        newest = book.venue_ms
    book = tape.books.book("y")
    assert book is not None and book.is_whole and tape.books.owners()["y"] == NEW and tape.books.integrity.mismatches == 0
    assert {level.price_bp // 100: level.size_micro for level in book.levels()[0]} == state
