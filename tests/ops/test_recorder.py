"""Recording: what the feeds received is in the files, the feeds never wait, and a broken disk ends only the recording."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path

import orjson
import pytest
import zstandard

from trader.errors import ConfigError
from trader.feeds.book_feed import BookFeed
from trader.feeds.settings import FeedSettings
from trader.handoff.cache import SnapshotCache
from trader.handoff.doorbell import Doorbell
from trader.handoff.orders import FeedOrders, Subscription
from trader.model.market import Market
from trader.model.setting import Secret
from trader.ops.archive import Archive, require_folder
from trader.ops.recorder import RecordRole
from trader.testing.fake_socket import FakeNetwork
from trader.testing.manual_clock import ManualClock
from trader.venues.polymarket.market_stream import PolymarketMarketStream

NS = 1_000_000
WALL_MS = 1_795_000_000_000          # 2026-11-18 11:06:40 UTC, where a ManualClock starts
STAMP = "20261118-110640"
ANY_DISK = partial(Archive, keep_free_bytes=0)


class FullDisk(Archive):
    """Takes lines and cannot bring them to the disk."""

    def flush(self) -> None:
        raise OSError(28, "No space left on device")


class Bench:
    def __init__(self, folder: Path, hide: tuple[Secret, ...] = (), archive: Callable[[Path, str], Archive] = ANY_DISK) -> None:
        self.folder, self.clock = folder, ManualClock(5_000 * NS)
        self.role = RecordRole(folder, self.clock, hide=hide, archive=archive, park_s=0)
        self.tape = self.role.tape("pm-book")

    def rows(self) -> list[dict]:
        return [orjson.loads(line) for path in sorted(self.folder.glob("*.zst")) for line in lines(path)]


def lines(path: Path) -> list[bytes]:
    with path.open("rb") as file:
        return zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True).read().splitlines()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_a_frame_is_a_line_with_the_wall_time_at_which_it_left_the_socket(bench):
    bench.tape.keep(bench.clock.monotonic_ns() - 7, [b'{"a":"\xc3\xa9"}'])
    bench.role.on_stop()
    assert bench.rows() == [{"t_ns": WALL_MS * NS - 7, "conn": "pm-book", "frame": '{"a":"é"}'}]


def test_each_connection_has_files_of_its_own_named_by_the_time_of_their_start(bench):
    bench.role.tape("pm-user").keep(0, [b"PONG"])
    bench.tape.keep(0, [b"PONG"])
    bench.role.do_work()
    assert sorted(path.name for path in bench.folder.iterdir()) == [f"pm-book-{STAMP}.jsonl.zst", f"pm-user-{STAMP}.jsonl.zst"]


def test_a_connection_that_has_ended_is_written_to_its_last_frame_and_then_forgotten(bench):
    late = bench.role.tape("pm-fleet-7")
    late.keep(0, [b"PONG"])
    bench.role.release("pm-fleet-7")
    bench.role.do_work()
    assert [row["conn"] for row in bench.rows()] == ["pm-fleet-7"]
    assert bench.role.stats()["dropped"] == {"pm-book": 0} and bench.role.stats()["files"] == 1


def test_a_connection_that_comes_after_the_recording_has_ended_fills_no_memory(tmp_path):
    bench = Bench(tmp_path, archive=FullDisk)
    bench.tape.keep(0, [b"PONG"])
    bench.role.on_stop()
    late = bench.role.tape("pm-fleet-8")
    late.keep(0, [b"PONG"])
    assert bench.role.ended_by and late.kept == 0


def test_a_connection_from_which_nothing_came_has_no_file(bench):
    bench.role.do_work()
    bench.role.on_stop()
    assert list(bench.folder.iterdir()) == []


def test_what_is_no_text_is_kept_to_the_last_bit(bench):
    bench.tape.keep(0, [b"\xff\x00"])
    bench.role.on_stop()
    assert bench.rows()[0]["frame_b64"] == "/wA="


def test_after_a_second_everything_can_be_read_though_no_file_was_closed(bench):
    bench.tape.keep(0, [b"1"])
    bench.clock.advance(ms=999)
    bench.role.do_work()
    assert bench.rows() == []
    bench.clock.advance(ms=1)
    bench.role.do_work()
    assert [row["frame"] for row in bench.rows()] == ["1"]


def test_a_recording_needs_little_memory_to_write_and_to_read(bench):
    bench.tape.keep(0, [b'{"price":"0.5"}'] * 1000)
    bench.role.do_work()
    bench.role.on_stop()
    path, = bench.folder.glob("*.zst")
    assert zstandard.get_frame_parameters(path.read_bytes()).window_size <= 256 * 1024


def test_a_new_hour_begins_a_new_file(bench):
    bench.tape.keep(0, [b"1"])
    bench.role.do_work()
    bench.clock.advance(ms=3_600_000)
    bench.tape.keep(0, [b"2"])
    bench.role.on_stop()
    assert sorted(path.name for path in bench.folder.iterdir()) == [f"pm-book-{STAMP}.jsonl.zst", "pm-book-20261118-120640.jsonl.zst"]


def test_a_full_file_is_followed_by_one_of_another_name_even_within_a_second(tmp_path):
    archive = Archive(tmp_path, "pm-book", max_file_bytes=1, keep_free_bytes=0)
    for _ in range(2):
        assert archive.is_due(WALL_MS)
        archive.begin(WALL_MS)
        archive.write(b"x\n")
        archive.flush()
    archive.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"pm-book-{STAMP}-1.jsonl.zst", f"pm-book-{STAMP}.jsonl.zst"]


def test_only_the_owner_may_read_a_recording(bench):
    bench.tape.keep(0, [b"1"])
    bench.role.on_stop()
    assert [path.stat().st_mode & 0o777 for path in bench.folder.iterdir()] == [0o600]


def test_no_secret_stands_in_a_file(tmp_path):
    bench = Bench(tmp_path, hide=(Secret("my-api-key"), Secret("my-passphrase"), Secret("")))
    bench.tape.keep(0, [b'{"owner":"my-api-key","x":"my-passphrase my-api-key"}'])
    bench.role.on_stop()
    assert bench.rows()[0]["frame"] == '{"owner":"***","x":"*** ***"}'


# --- the reader is behind -------------------------------------------------------------------------------------------


def test_a_gap_stands_in_the_file_where_the_frames_are_missing(bench):
    bench.tape.keep(0, [b"1"])
    bench.tape.dropped += 3
    bench.tape.keep(0, [b"2"])
    bench.role.on_stop()
    assert [row.get("frame", row.get("dropped")) for row in bench.rows()] == ["1", 3, "2"]


def test_dropped_frames_are_said_at_once_and_then_every_ten_seconds(bench, caplog):
    for after_ms, said in ((0, 1), (9_999, 1), (1, 2)):
        bench.clock.advance(ms=after_ms)
        bench.tape.dropped += 1
        bench.role.do_work()
        assert len([r for r in caplog.records if "missing from the recording" in r.message]) == said


# --- the disk -------------------------------------------------------------------------------------------------------


def test_a_folder_that_vanished_ends_the_recording_and_nothing_else(tmp_path, caplog):
    bench = Bench(tmp_path / "gone")
    bench.tape.keep(0, [b"1"])
    bench.role.do_work()
    assert "Trading goes on without it" in caplog.text
    bench.tape.keep(0, [b"2", b"3"])
    bench.role.do_work()
    bench.role.on_stop()
    assert (bench.role.stats()["ended_by"], bench.tape.dropped) != ("", 0)
    assert len([r for r in caplog.records if r.levelno >= logging.WARNING]) == 1


def test_a_disk_that_is_nearly_full_ends_the_recording(tmp_path):
    bench = Bench(tmp_path, archive=partial(Archive, keep_free_bytes=1 << 62))
    bench.tape.keep(0, [b"1"])
    bench.role.do_work()
    assert "of the disk are free" in bench.role.stats()["ended_by"]


def test_a_disk_that_became_full_ends_the_recording_and_is_not_written_to_again(tmp_path, caplog):
    bench = Bench(tmp_path, archive=partial(FullDisk, keep_free_bytes=0))
    bench.tape.keep(0, [b"1"])
    bench.clock.advance(ms=1_000)
    bench.role.do_work()
    bench.role.on_stop()
    assert "No space left" in bench.role.stats()["ended_by"]
    assert len([r for r in caplog.records if r.levelno == logging.ERROR]) == 1


def test_a_slow_disk_is_announced_so_that_the_watchdog_leaves_it_alone(bench):
    bench.role.do_work()
    assert bench.role.posture.now.doing == "writing"
    bench.clock.advance(ms=3_600_000)
    assert bench.role.posture.now.overdue_ms(bench.clock.monotonic_ns()) < 0


def test_the_folder_is_made_and_left_empty(tmp_path):
    require_folder(tmp_path / "new")
    require_folder(tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == []


@pytest.mark.parametrize("name", ["absent/below", "file", "/proc/nowhere"])
def test_a_folder_that_cannot_be_written_is_refused_with_its_name(tmp_path, name):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(ConfigError, match=name):
        require_folder(tmp_path / name)


# --- the feed ---------------------------------------------------------------------------------------------------------


def test_what_a_feed_receives_is_recorded_and_what_it_sends_is_not(bench):
    network, orders = FakeNetwork(bench.clock), FeedOrders()
    feed = BookFeed(PolymarketMarketStream("ws://venue.test"), FeedSettings(), orders, SnapshotCache("books"), SnapshotCache("health"),
                    Doorbell(), bench.clock, network.connect, network.wait, recorder=bench.tape)
    socket = network.accept()
    orders.put(Subscription(Market("now", "0xa", "11", "12", 100, 5_000_000, 0, 1, "v1", False)))
    feed.do_work()
    socket.push("PONG", "[]")
    feed.do_work()
    bench.role.on_stop()
    orders.close()
    assert socket.sent and [row["frame"] for row in bench.rows()] == ["PONG", "[]"]
