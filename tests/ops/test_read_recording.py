"""Recordings read again: the same books as live, whatever became of the file."""

from __future__ import annotations

import gzip
import io
import json
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from trader.cli import main
from trader.errors import ConfigError
from trader.feeds.book_feed import BookFeed
from trader.feeds.settings import FeedSettings
from trader.handoff.cache import SnapshotCache
from trader.handoff.doorbell import Doorbell
from trader.handoff.orders import FeedOrders, Subscription
from trader.model.book import MarketBook
from trader.model.market import Market
from trader.ops import archive
from trader.ops.archive import Archive
from trader.ops.frames import parse_line, read_recording
from trader.ops.frames_books import Bench, Streams
from trader.ops.frames_text import frames_text
from trader.ops.recorder import RecordRole
from trader.testing.fake_socket import FakeNetwork
from trader.testing.manual_clock import ManualClock
from trader.venues.polymarket.market_stream import PolymarketMarketStream

RECORDED = Path(__file__).parent / "frames"
MARKET = Market("now", "0xa", "11", "12", 100, 5_000_000, 0, 1, "v1", False)


def dump(token: str, bid: str = "0.40", ask: str = "0.60") -> dict[str, Any]:
    return {"event_type": "book", "asset_id": token, "timestamp": "1790658661234", "hash": "d", "tick_size": "0.01",
            "bids": [{"price": bid, "size": "100"}], "asks": [{"price": ask, "size": "100"}, {"price": "0.99", "size": "1"}]}


def change(token: str, price: str, size: str, bid: str, ask: str, side: str = "BUY", at: int = 300) -> dict[str, Any]:
    return {"event_type": "price_change", "timestamp": f"1790658661{at:03}", "price_changes": [
        {"asset_id": token, "price": price, "size": size, "side": side, "hash": f"h{at}", "best_bid": bid, "best_ask": ask}]}


def row(payload: Any, t_ms: int = 1_000, conn: str = "pm-book") -> dict[str, Any]:
    return {"t_ns": t_ms * 1_000_000, "conn": conn, "frame": json.dumps(payload)}


def report(*rows: Any, **options: Any) -> dict[str, Any]:
    """Of these lines on stdin."""
    data = b"\n".join(each if isinstance(each, bytes) else orjson.dumps(each) for each in rows)
    return read_recording(["-"], stdin=io.BytesIO(data), **options)


def asset(found: dict[str, Any]) -> dict[str, Any]:
    only, = found["assets"]
    return only


# --- books ------------------------------------------------------------------------------------------------------------


def test_the_final_top_depth_and_checks_of_each_asset_are_told():
    found = asset(report(row(dump("11")), row(change("11", "0.41", "7.5", "0.41", "0.60"), 1_001)))
    assert found == {"conn": "pm-book", "token_id": "11", "state": "whole", "bid_bp": 4100, "bid_micro": 7_500_000, "ask_bp": 6000,
                     "ask_micro": 100_000_000, "bid_levels": 2, "ask_levels": 2, "tick_bp": 100, "events": 2, "checks": 2,
                     "mismatches": 0, "venue_ms": 1790658661300}


def test_a_file_that_names_assets_without_end_fills_no_memory():
    bench = Bench("pm-book", Streams("BTCUSDT").decoder("pm-book"), most_assets=2)
    for token in range(9):
        bench.add(orjson.dumps(dump(str(token))), token, is_timed=True)
    assert len(bench.assets()) == 2 and bench.counts()["untracked"] == 7


def test_an_array_of_events_is_one_frame():
    found = report(row([dump("11"), dump("12")]))
    assert (found["connections"]["pm-book"]["frames"], found["connections"]["pm-book"]["events"]) == (1, {"BookDump": 2})


@pytest.mark.parametrize(("gap_ms", "mismatches", "state"), [(4, 0, "whole"), (6, 1, "wrong")])
def test_a_burst_may_last_as_long_as_live_by_the_recordings_own_time(gap_ms, mismatches, state):
    half, rest = change("11", "0.40", "0", "0.41", "0.60"), change("11", "0.41", "5", "0.41", "0.60")
    found = asset(report(row(dump("11")), row(half, 2_000), row(rest, 2_000 + gap_ms)))
    assert (found["mismatches"], found["state"]) == (mismatches, state)


def test_a_burst_that_is_open_at_the_end_is_a_mismatch():
    assert asset(report(row(dump("11")), row(change("11", "0.50", "1", "0.55", "0.60"))))["mismatches"] == 1


def test_without_times_a_frame_moves_time_by_a_millisecond():
    half = [json.dumps(change("11", f"0.3{n}", "1", "0.41", "0.60")).encode() for n in range(7)]
    assert asset(report(json.dumps(dump("11")).encode(), *half))["mismatches"] == 1
    assert asset(report(json.dumps(dump("11")).encode(), *half[:3], json.dumps(change("11", "0.41", "1", "0.41", "0.60")).encode()))[
        "mismatches"] == 0


def test_a_gap_makes_every_book_wait_for_its_next_dump():
    gap = {"t_ns": 1_500_000_000, "conn": "pm-book", "dropped": 4}
    found = report(row(dump("11")), gap, row(change("11", "0.41", "7", "0.41", "0.60"), 2_000))
    assert (asset(found)["state"], asset(found)["bid_bp"], found["connections"]["pm-book"]["dropped"]) == ("no dump", None, 4)


def test_reference_and_user_frames_are_read_by_their_own_decoders():
    quoted = {"data": {"s": "BTCUSDT", "b": "60000.1", "a": "60000.2", "u": 1}}
    found = report(row(quoted, conn="bn-ticker"), row({"event_type": "order"}, conn="pm-user"), row({}, conn="kalshi"))["connections"]
    assert found["bn-ticker"]["events"] == {"Quoted": 1}
    assert found["pm-user"]["unparsable"] == 1
    assert (found["kalshi"]["decoded"], found["kalshi"]["frames"]) == (False, 1)


def test_our_own_legs_are_found_although_our_key_is_hidden():
    trade = {"event_type": "trade", "id": "t", "status": "MATCHED", "market": "0xa", "timestamp": "1790658661300", "maker_orders": [
        {"order_id": "0x1", "owner": "***", "matched_amount": "5", "price": "0.4", "asset_id": "11", "side": "BUY"}],
        "owner": "x", "trade_owner": "x", "taker_order_id": "0x2", "price": "0.4", "size": "5", "asset_id": "11", "side": "SELL"}
    assert report(row(trade, conn="pm-user"))["connections"]["pm-user"]["events"] == {"Fill": 1}


def test_a_real_run_of_five_seconds_is_read_as_it_was_lived():
    """The numbers are those of the run's own summary."""
    found = read_recording([str(path) for path in sorted(RECORDED.glob("*.zst"))])
    book = found["connections"]["pm-book"]
    assert book["events"] == {"BookDump": 22, "LevelChange": 1472, "LastTrade": 9, "TopOnly": 416, "Pong": 1}
    assert (book["frames"], book["checks"], book["mismatches"], book["unparsable"]) == (1181, 1910, 0, 0)
    assert {each["state"] for each in found["assets"]} == {"whole"}
    assert found["connections"]["pm-user"]["events"] == {"Fill": 11, "OrderUpdate": 382, "Pong": 2}


# --- round trip -------------------------------------------------------------------------------------------------------

SPOILT = [b"{", b"PONG", b'{"event_type":"nonsense"}', orjson.dumps(change("11", "0.41", "1", "0.20", "0.90", at=999)),
          orjson.dumps({"event_type": "tick_size_change", "asset_id": "11", "new_tick_size": "0.001"})]


@st.composite
def sessions(draw: st.DrawFn) -> list[list[bytes]]:
    """Receive batches of a venue that keeps one book a token, and now and then sends what it should not."""
    books = {token: {"BUY": {40}, "SELL": {60, 99}} for token in ("11", "12")}

    def frame(number: int) -> bytes:
        token, is_bid, away = draw(st.sampled_from(["11", "12"])), draw(st.booleans()), draw(st.integers(0, 20))
        if draw(st.integers(0, 14)) == 0:
            return draw(st.sampled_from(SPOILT))
        book, side, cents = books[token], "BUY" if is_bid else "SELL", 45 - away if is_bid else 55 + away
        is_taken = cents not in book[side] or len(book[side]) == 1
        book[side] = book[side] | {cents} if is_taken else book[side] - {cents}
        return orjson.dumps(change(token, f"0.{cents}", f"{number + 1}" if is_taken else "0", f"0.{max(book['BUY'])}",
                                   f"0.{min(book['SELL'])}", side, at=300 + number))

    counts = draw(st.lists(st.integers(1, 4), min_size=1, max_size=12))
    return [[orjson.dumps([dump("11"), dump("12")])], *([frame(10 * at + n) for n in range(count)] for at, count in enumerate(counts))]


@settings(max_examples=40, deadline=None)
@given(batches=sessions(), idle=st.lists(st.booleans(), min_size=13, max_size=13))
def test_a_recording_gives_the_books_that_the_feed_had(tmp_path_factory, batches, idle):
    """`idle`: before the next batch the feed has a cycle without frames, in which bursts end. The clock moves only then."""
    folder, clock = tmp_path_factory.mktemp("rec"), ManualClock(1_000_000_000)
    network, orders, cache = FakeNetwork(clock), FeedOrders(), SnapshotCache[MarketBook]("books")
    role = RecordRole(folder, clock, archive=partial(Archive, keep_free_bytes=0), park_s=0)
    feed = BookFeed(PolymarketMarketStream("ws://venue.test"), FeedSettings(), orders, cache, SnapshotCache("health"), Doorbell(), clock,
                    network.connect, network.wait, recorder=role.tape("pm-book"))
    socket = network.accept()
    orders.put(Subscription(MARKET))
    feed.do_work()
    for batch, is_idle in zip(batches, idle, strict=False):
        socket.push(*batch)
        for _ in range(2 if is_idle else 1):
            feed.do_work()
    role.on_stop()
    orders.close()
    live, stats = cache.read(), feed.stats()
    found = read_recording([str(path) for path in folder.iterdir()])
    if not stats["connected"]:                   # too many unreadable frames: live, the rest of that batch was given up
        return
    assert found["connections"]["pm-book"]["unparsable"] == stats["unparsable"]
    if all(each["state"] == "whole" for each in found["assets"]) and live is not None and not stats["suspect"]:
        assert [(a["bid_bp"], a["ask_bp"]) for a in found["assets"]] == [(side.bid_bp, side.ask_bp) for side in (live.yes, live.no)]
        assert found["connections"]["pm-book"]["mismatches"] == stats["mismatches"]


# --- files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress], ids=["plain", "gzip", "zstd"])
def test_packed_and_plain_files_are_told_apart_by_what_they_hold(tmp_path, pack):
    path = tmp_path / "frames.bin"
    path.write_bytes(pack(orjson.dumps(row(dump("11"))) + b"\n"))
    assert asset(read_recording([str(path)]))["bid_bp"] == 4000


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])
@pytest.mark.parametrize("missing", [1, 5, 60])
def test_a_file_that_was_cut_off_gives_what_was_flushed_before(tmp_path, pack, missing):
    path = tmp_path / "frames"
    path.write_bytes(pack(b"[]\n") + pack(b"[]\n" + bytes(range(32, 127)) + b"\n")[:-missing])
    file, = read_recording([str(path)])["files"]
    assert file["frames"] >= 1


def test_a_file_cut_off_before_its_first_flush_is_empty_and_no_error(tmp_path):
    for name, data in (("a.zst", zstandard.compress(b"[]\n")[:6]), ("b.gz", gzip.compress(b"[]\n")[:5]), ("c", b"")):
        (tmp_path / name).write_bytes(data)
        assert read_recording([str(tmp_path / name)])["files"][0]["frames"] == 0


def test_damage_in_the_middle_is_told_and_what_came_before_it_counts(tmp_path):
    (tmp_path / "f").write_bytes(zstandard.compress(b"[]\n") + b"garbage that is no zstd frame")
    file, = read_recording([str(tmp_path / "f")])["files"]
    assert file["frames"] == 1 and file["damage"]


def test_a_line_that_is_neither_recorded_nor_a_frame_is_counted_and_skipped():
    file, = report(b"\xff\xfe\x00", b"", b"12", b'"text"', {"frame": 5}, {"frame": "[]", "t_ns": -1}, {"frame": "[]", "conn": 1},
                   {"frame_b64": "?"}, {"dropped": 0}, b"[]")["files"]
    assert (file["lines"], file["corrupt"], file["frames"]) == (9, 8, 1)


def test_a_line_without_end_is_skipped_and_counted():
    huge = b"x" * (archive.MAX_LINE_BYTES + 1)
    file, = report(huge, b"[]", huge)["files"]
    assert (file["too_long"], file["frames"]) == (2, 1)


def test_what_was_no_text_is_decoded_from_the_bits_that_were_kept():
    assert report({"conn": "pm-book", "frame_b64": "/wA="})["connections"]["pm-book"]["unparsable"] == 1


@pytest.mark.parametrize("name", ["absent", "folder"])
def test_what_cannot_be_read_at_all_is_one_sentence_and_exit_code_2(tmp_path, name, capsys):
    (tmp_path / "folder").mkdir()
    assert main(["frames", str(tmp_path / name)]) == 2
    assert f"{tmp_path / name} cannot be read" in capsys.readouterr().err


def test_a_file_that_only_looks_like_a_recording_is_refused(tmp_path):
    (tmp_path / "f").write_bytes(b"\x28\xb5\x2f\xfd" + b"\xff" * 50)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_recording([str(tmp_path / "f")])


def test_a_file_of_other_lines_is_refused(tmp_path):
    (tmp_path / "f").write_text("this is\nno recording\n")
    with pytest.raises(ConfigError, match="has 2 lines and none of them is a frame"):
        read_recording([str(tmp_path / "f")])


@settings(max_examples=150, deadline=None)
@given(head=st.sampled_from([b"", b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b'{"frame":"', gzip.compress(b"[]")[:12]]),
       data=st.binary(max_size=400))
def test_no_bytes_make_it_crash(tmp_path_factory, head, data):
    path = tmp_path_factory.mktemp("garbage") / "f"
    path.write_bytes(head + data)
    try:
        frames_text(read_recording([str(path)]))
    except ConfigError as error:
        assert str(path) in error.problem


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5)
                    | st.sampled_from(["book", "price_change", "0.5", "BUY", "1790658661300"]),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
                        st.sampled_from(["event_type", "asset_id", "price_changes", "bids", "asks", "price", "size", "side", "timestamp",
                                         "best_bid", "best_ask", "hash", "frame", "conn", "t_ns", "dropped", "data", "e", "k"]), inner),
                    max_leaves=12)


@settings(max_examples=300, deadline=None)
@given(value=JSON, conn=st.sampled_from(["pm-book", "pm-user", "bn-ticker", "bn-snapshot"]))
def test_no_json_makes_it_crash(value, conn):
    frames_text(report(json.dumps(value).encode(), {"frame": json.dumps(value)}, conn=conn))


@pytest.mark.parametrize("token", [["list"], {"an": "object"}, None, 5])
def test_a_change_of_a_token_that_is_no_text_is_an_unparsable_frame(token):
    found = report(row(change(token, "0.4", "1", "0.4", "0.6")))
    assert (found["connections"]["pm-book"]["unparsable"], found["assets"]) == (1, [])


@settings(max_examples=100, deadline=None)
@given(line=st.binary(max_size=80))
def test_a_line_is_a_frame_or_nothing(line):
    frame = parse_line(line)
    assert frame is None or frame.conn is None or isinstance(frame.conn, str)


# --- what is shown ----------------------------------------------------------------------------------------------------


def test_the_table_names_the_books_and_the_json_is_the_report(tmp_path, capsys):
    (tmp_path / "f").write_bytes(orjson.dumps(row(dump("11"))))
    assert main(["frames", str(tmp_path / "f")]) == 0
    assert "0.4000" in capsys.readouterr().out
    assert main(["frames", "--json", str(tmp_path / "f")]) == 0
    assert json.loads(capsys.readouterr().out) == read_recording([str(tmp_path / "f")])


def test_a_name_from_the_wire_cannot_move_the_cursor():
    assert "\x1b" not in frames_text(report(row(dump("\x1b[2J")), row([], conn="\x1b[H")))
