from __future__ import annotations

import socket
import subprocess
from typing import Any

import pytest

from trader.errors import ConfigError
from trader.fleet.crew import Crew
from trader.fleet.letters import Doubted, Owned, WorkerBorn
from trader.fleet.parcels import Unpacker, pack_word
from trader.fleet.settings import FleetSettings
from trader.fleet.vitals import LACKING_NS, MOST_DEATHS, PAUSE_NS
from trader.fleet.worker_process import DUMP_SIGNAL, READY_WITHIN_S
from trader.testing.manual_clock import ManualClock


class FakeProcess:
    """The other end of the socket, held by the test. `code` is None while it lives."""

    pids = 100

    def __init__(self, end: socket.socket, first: dict[str, Any] | None) -> None:
        FakeProcess.pids += 1
        self.pid, self.end, self.code, self.unpacker = FakeProcess.pids, end.dup(), None, Unpacker()
        self.end.setblocking(False)
        self.ignores_the_word = False
        self.signals: list[int] = []
        if first is not None:
            self.say(first)

    def say(self, word: dict[str, Any]) -> None:
        self.end.send(pack_word(word))

    def heard(self) -> list:
        try:
            return list(self.unpacker.feed(self.end.recv(1 << 16)))
        except BlockingIOError:
            return []
        except ConnectionResetError:             # the fleet has closed its end: a worker goes then
            return [{"do": "stop"}]

    def die(self, code: int = -9) -> None:
        self.code = code
        self.end.close()

    def poll(self) -> int | None:
        return self.code

    def wait(self, timeout: float | None = None) -> int:
        if self.code is None and not self.ignores_the_word and {"do": "stop"} in self.heard():
            self.die(0)
        if self.code is None:
            raise subprocess.TimeoutExpired("worker", timeout or 0)
        return self.code

    def send_signal(self, sig: int) -> None:
        self.signals.append(sig)

    def terminate(self) -> None:
        self.die(-15)

    def kill(self) -> None:
        self.die()


class Bench:
    def __init__(self, first: dict[str, Any] | None = None, workers: int = 1) -> None:
        self.clock, self.letters, self.actions = ManualClock(), [], []
        self.processes: list[FakeProcess] = []
        self.first = first or {"ready": 1}
        self.crew = Crew(FleetSettings(num_workers=workers), self.letters.append, self.clock, launch=self.launch,
                         on_action=self.actions.append)

    def launch(self, number: int, theirs: socket.socket) -> FakeProcess:
        self.processes.append(FakeProcess(theirs, self.first))
        return self.processes[-1]


@pytest.fixture
def bench():
    made = Bench()
    made.crew.open()
    yield made
    made.crew.close()
    made.crew.on_stop()


def test_what_a_worker_says_reaches_those_it_concerns(bench):
    bench.processes[0].say({"owned": [[3, "11"]], "doubted": [[3, "12"]], "actions": [{"a": 1}]})
    bench.crew.do_work()
    assert bench.letters == [Owned(((3, "11"),)), Doubted(((3, "12"),))] and bench.actions == [{"a": 1}]


def test_its_heartbeat_is_its_line_in_stats(bench):
    bench.processes[0].say({"beat": {"assets": 7}})
    bench.crew.do_work()
    stats = bench.crew.stats()
    assert stats["worker_stats"]["0"] == {"pid": bench.processes[0].pid, "assets": 7}
    assert (stats["alive_count"], stats["is_healthy"]) == (1, True)


def test_a_worker_that_died_is_started_again_and_the_keeper_is_told(bench):
    bench.processes[0].die()
    bench.crew.do_work()
    bench.crew.do_work()
    assert len(bench.processes) == 2 and bench.letters == [WorkerBorn(0)] and bench.crew.restarts == 1
    assert bench.crew.links[0].tell({"do": "beat"}) and bench.processes[1].heard() == [{"do": "beat"}]


def test_three_deaths_within_a_minute_are_not_healthy_and_restarts_pause(bench):
    for _ in range(MOST_DEATHS):
        bench.processes[-1].die()
        bench.crew.do_work()
        bench.crew.do_work()
    assert "died 3 times within a minute" in "; ".join(bench.crew.ailments()) and len(bench.processes) == MOST_DEATHS
    bench.clock.advance(ms=PAUSE_NS // 1_000_000)
    bench.crew.do_work()
    assert len(bench.processes) == MOST_DEATHS + 1
    assert "worker 0 is down" in bench.crew.ailments()
    bench.crew.do_work()
    bench.clock.advance(ms=61_000)
    assert bench.crew.ailments() == []


def test_while_a_worker_starts_again_the_others_are_served_and_nothing_is_handed_to_it():
    bench = Bench(workers=2)
    bench.crew.open()
    bench.first = None
    bench.processes[0].die()
    bench.crew.do_work()
    bench.processes[1].say({"owned": [[3, "11"]]})
    bench.crew.do_work()
    assert bench.letters == [Owned(((3, "11"),))] and not bench.crew.links[0].offer(b"x")
    bench.processes[2].say({"ready": 1})
    bench.crew.do_work()
    assert bench.letters[1:] == [WorkerBorn(0)] and bench.crew.links[0].offer(b"x")
    bench.crew.close()
    bench.crew.on_stop()


def test_a_worker_that_never_says_that_it_is_ready_is_replaced(bench):
    bench.first = None
    bench.processes[0].die()
    bench.crew.do_work()
    for _ in range(int(READY_WITHIN_S) + 1):
        assert len(bench.processes) == 2 and bench.processes[1].code is None
        bench.crew.do_work()
        bench.clock.advance(ms=1_000)
    bench.crew.do_work()
    assert bench.processes[1].code == -9 and "worker 0 is down" in bench.crew.ailments()


def test_a_worker_that_is_silent_for_three_heartbeats_is_replaced(bench):
    for _ in range(15):
        bench.clock.advance(ms=1_000)
        bench.crew.do_work()
    assert len(bench.processes) == 1
    bench.clock.advance(ms=1)
    bench.crew.do_work()
    assert bench.processes[0].code == -9 and bench.processes[0].signals == [DUMP_SIGNAL]


def test_after_the_machine_stood_still_no_worker_is_blamed(bench):
    bench.clock.advance(ms=3_600_000)
    bench.crew.do_work()
    assert bench.processes[0].code is None


def test_a_worker_that_cannot_start_fails_the_start_in_its_own_words_and_leaves_none():
    bench = Bench({"failed": "no module named so.", "remedy": "Correct it.", "exit_code": 2})
    with pytest.raises(ConfigError, match="worker 0 cannot start: no module named so"):
        bench.crew.open()
    assert bench.processes[0].code is not None
    bench.crew.on_stop()


def test_of_a_start_that_fails_those_that_are_not_ready_are_not_waited_for():
    bench = Bench({"failed": "no.", "remedy": "Correct it.", "exit_code": 2}, workers=2)
    with pytest.raises(ConfigError):
        bench.crew.open()
    assert [process.code for process in bench.processes] == [-15, -15]
    bench.crew.on_stop()


def test_a_worker_most_of_whose_books_are_missing_for_long_is_not_well(bench):
    def beat(whole: int) -> list[str]:
        bench.processes[0].say({"beat": {"assets": 10, "whole": whole}})
        bench.crew.do_work()
        return bench.crew.ailments()

    assert beat(4) == []
    bench.clock.advance(ms=LACKING_NS // 1_000_000 - 1)
    assert beat(3) == []
    bench.clock.advance(ms=1)
    assert beat(3) == ["worker 0 has whole books of 3 of 10 tokens"] and beat(5) == []


def test_a_worker_that_does_not_end_is_made_to(bench):
    bench.processes[0].ignores_the_word = True
    bench.crew.close()
    assert bench.processes[0].code == -15


def test_bytes_that_no_worker_says_cost_it_its_life(bench):
    bench.processes[0].end.send(b"\x00\x00\x00\x00\x09")
    bench.crew.do_work()
    assert bench.processes[0].code == -9


def test_a_market_has_the_same_worker_in_every_run():
    crew = Bench(workers=2).crew
    workers = [crew.worker_of(f"0x{number:064x}") for number in range(400)]
    assert workers == [crew.worker_of(f"0x{number:064x}") for number in range(400)]
    assert set(workers) == set(range(len(crew.links)))
    crew.on_stop()
