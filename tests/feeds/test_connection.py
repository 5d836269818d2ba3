from __future__ import annotations

import random

import pytest

from trader.errors import ConnectionLost, ConnectionRefused
from trader.feeds.connection import MAX_READS, Connection, ProbePlan
from trader.feeds.frames import PING
from trader.runtime.backoff import Backoff
from trader.runtime.role import Posture
from trader.testing.fake_socket import FakeNetwork, FakeSocket, server_frame
from trader.testing.manual_clock import ManualClock

PLAN = ProbePlan("PING", idle_ms=250, gap_ms=1000, keepalive_ms=5000, lost_ms=1500)


class Bench:
    def __init__(self, plan: ProbePlan = PLAN) -> None:
        self.clock = ManualClock()
        self.network = FakeNetwork(self.clock)
        self.posture = Posture(self.clock)
        self.connection = Connection("pm-book", "ws://venue.test", plan, Backoff(1, 60, random.Random(1)), self.clock, self.posture,
                                     wake=None, connect=self.network.connect, wait=self.network.wait)

    def opened(self) -> FakeSocket:
        socket = self.network.accept()
        while not self.connection.reopen():
            pass
        return socket

    @property
    def now_ms(self) -> int:
        return self.clock.monotonic_ns() // 1_000_000

    def idle_until(self, ms: int) -> None:
        while self.now_ms < ms:
            self.connection.receive(ms * 1_000_000)


def test_the_first_attempt_does_not_wait() -> None:
    bench = Bench()
    bench.opened()
    assert bench.now_ms == 0 and bench.connection.is_open


def test_a_refused_attempt_is_logged_with_the_next_one(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    with pytest.raises(ConnectionLost, match="refused"):
        bench.connection.reopen()
    bench.connection.drop("refused")
    assert "pm-book: cannot connect to ws://venue.test (refused); next attempt in 1.0 s" in caplog.text


def test_connecting_is_declared_because_it_may_take_long() -> None:
    bench = Bench()
    seen: list[tuple[str, int]] = []

    def dial(url: str) -> FakeSocket:
        seen.append((bench.posture.now.doing, bench.posture.now.limit_ms))
        return FakeSocket()
    Connection("pm-book", "ws://x", PLAN, Backoff(), bench.clock, bench.posture, wake=None, connect=dial,
               wait=bench.network.wait).reopen()
    assert seen == [("connecting", 30_000)]


def test_waits_between_attempts_grow_in_steps_of_at_most_a_cycle() -> None:
    bench = Bench()
    waits = []
    for _ in range(3):
        start_ms = bench.now_ms
        with pytest.raises(ConnectionLost):
            while not bench.connection.reopen():
                assert bench.now_ms - start_ms <= 4100
        waits.append(bench.now_ms - start_ms)
        bench.connection.drop("refused")
    assert waits[0] == 0 and 750 <= waits[1] <= 1000 and 1500 <= waits[2] <= 2000


def test_where_nobody_listens_it_asks_every_second_however_long_that_lasts() -> None:
    bench = Bench()

    def refuse(url: str) -> FakeSocket:
        raise ConnectionRefused("refused", remedy="Nothing to do.")
    connection = Connection("pm-book", "ws://x", PLAN, Backoff(1, 60, random.Random(1)), bench.clock, bench.posture, wake=None,
                            connect=refuse, wait=bench.network.wait)
    for _ in range(10):
        start_ms = bench.now_ms
        with pytest.raises(ConnectionRefused):
            while not connection.reopen():
                assert bench.now_ms - start_ms <= 1000
        connection.drop("refused")


def test_only_data_resets_the_back_off() -> None:
    bench = Bench()
    for _ in range(4):
        bench.opened()
        bench.connection.drop("dropped right away")
    before_ms = bench.now_ms
    bench.opened().push("{}")
    assert bench.now_ms - before_ms >= 4000
    bench.connection.receive()
    bench.connection.saw_data()
    bench.connection.drop("lost")
    before_ms = bench.now_ms
    bench.opened()
    assert bench.now_ms - before_ms <= 1000


def test_all_frames_that_have_arrived_come_in_one_batch() -> None:
    bench = Bench()
    socket = bench.opened()
    socket.push("one", "two")
    socket.push("three")
    assert bench.connection.receive() == [b"one", b"two", b"three"]


def test_a_batch_has_a_limit_and_the_rest_follows_without_a_wait() -> None:
    bench = Bench()
    socket = bench.opened()
    for turn in range(MAX_READS + 1):
        socket.push(str(turn))
    assert len(bench.connection.receive()) == MAX_READS
    assert bench.connection.receive() == [str(MAX_READS).encode()] and bench.now_ms == 0


def test_the_first_look_does_not_wait_because_tls_may_hold_frames_already() -> None:
    bench = Bench()
    bench.opened()
    assert bench.connection.receive() == [] and bench.now_ms == 0
    assert bench.connection.receive() == [] and bench.now_ms == 250


def test_a_ping_of_the_other_side_is_answered_with_its_payload() -> None:
    bench = Bench()
    socket = bench.opened()
    socket.push_ping(b"are you there")
    assert bench.connection.receive() == [] and socket.pongs == [b"are you there"]


def test_frames_before_an_end_are_delivered_before_the_end() -> None:
    bench = Bench()
    socket = bench.opened()
    socket.push("fill")
    socket.push_end()
    assert bench.connection.receive() == [b"fill"]
    with pytest.raises(ConnectionLost, match="closed by the other side"):
        bench.connection.receive()


def test_a_close_frame_ends_the_connection_with_its_code_and_reason() -> None:
    bench = Bench()
    bench.opened().push_close(1008, "go away")
    with pytest.raises(ConnectionLost, match="1008 go away"):
        bench.connection.receive()


def test_a_frame_in_two_reads_is_one_frame() -> None:
    bench = Bench()
    socket, frame = bench.opened(), server_frame(b"whole")
    socket.push_bytes(frame[:3])
    assert bench.connection.receive() == []
    socket.push_bytes(frame[3:])
    assert bench.connection.receive() == [b"whole"]


def test_silence_of_half_the_threshold_is_probed_and_not_a_millisecond_earlier() -> None:
    bench = Bench()
    socket = bench.opened()
    socket.push("x")
    bench.connection.receive()
    bench.clock.advance(ms=999)
    socket.push("y")
    bench.connection.receive()
    bench.idle_until(1248)
    assert socket.sent == []
    bench.idle_until(1249)
    assert socket.sent == ["PING"]


def test_probes_are_at_least_a_second_apart() -> None:
    bench = Bench()
    socket = bench.opened()
    bench.idle_until(1999)
    assert len(socket.sent) == 1
    bench.idle_until(2000)
    assert len(socket.sent) == 2


def test_of_many_pings_in_one_batch_the_newest_is_answered() -> None:
    bench = Bench()
    socket = bench.opened()
    socket.push_bytes(b"".join(server_frame(b"%d" % number, PING) for number in range(1000)))
    bench.connection.receive()
    assert socket.pongs == [b"999"]


def test_a_busy_connection_is_pinged_too_because_the_venue_wants_to_hear_from_us() -> None:
    bench = Bench()
    socket = bench.opened()
    for _ in range(120):
        socket.push("x")
        bench.connection.receive()
        bench.clock.advance(ms=100)
    assert socket.sent == ["PING", "PING"]


def test_any_frame_answers_a_probe() -> None:
    bench = Bench()
    socket = bench.opened()
    bench.idle_until(1000)
    assert bench.connection.health(1, suspect=False).probe_sent_ns == 1_000_000_000
    socket.push_pong()
    bench.connection.receive()
    assert bench.connection.health(1, suspect=False).probe_sent_ns is None


def test_an_unanswered_probe_is_stale_first_and_lost_later() -> None:
    bench = Bench()
    bench.opened()
    bench.idle_until(1500)
    health = bench.connection.health(1, suspect=False)
    assert health.stale_reason(bench.clock.monotonic_ns(), 500) == "probe unanswered for 500 ms"
    with pytest.raises(ConnectionLost, match="in spite of probes"):
        bench.idle_until(2501)
    assert bench.now_ms == 2500


def test_a_plan_without_a_text_probes_with_a_ping_frame() -> None:
    bench = Bench(PLAN._replace(text=None))
    socket = bench.opened()
    bench.idle_until(1000)
    assert (socket.pings, socket.sent) == (1, [])


def test_a_planned_end_reconnects_at_once_unless_the_connection_hardly_lived() -> None:
    bench = Bench()
    first = bench.opened()
    bench.clock.advance(ms=10_000)
    bench.connection.renew("23 hours old")
    bench.opened()
    assert first.closed and bench.now_ms == 10_000
    bench.connection.renew("the server is shutting down")
    bench.opened()
    assert bench.now_ms >= 10_750


def test_health_tells_the_two_ages_apart() -> None:
    bench = Bench()
    socket = bench.opened()
    socket.push("data")
    bench.connection.receive()
    bench.connection.saw_data()
    bench.clock.advance(ms=10)
    socket.push_pong()
    bench.connection.receive()
    health = bench.connection.health(3, suspect=True)
    assert (health.last_data_ns, health.last_frame_ns, health.generation, health.suspect) == (0, 10_000_000, 3, True)


def test_using_a_connection_that_is_not_open_is_a_lost_connection() -> None:
    with pytest.raises(ConnectionLost, match="not connected"):
        Bench().connection.send(["x"])
