"""Commands to a running trader: what they print, that they return only when it is done, and how they fail."""

from __future__ import annotations

import json
import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from trader.cli import main
from trader.errors import ControlError
from trader.ops.answers import answers_of
from trader.ops.control import ControlRole
from trader.ops.settings import OpsSettings
from trader.remote import CONFIRM_S, confirmed
from trader.runtime.clock import SystemClock
from trader.testing.manual_clock import ManualClock


class FakeTrader:
    """Does what it is told one look later, as a real one does."""

    def __init__(self) -> None:
        self.guards: list[str] = []
        self.quotes = [{"side": "BUY", "token_side": "BUY", "price": 0.51, "remaining": 7.0, "state": "WORKING"}]
        self.sweeps = 0
        self.asked: list[Any] = []
        self.flattened: dict[str, Any] | None = None
        self.unsold: list[str] = []

    def stats(self) -> dict[str, Any]:
        said = {"seconds": 1.0, "mode": "embedded", "trading_mode": "STOP" if self.guards else "NORMAL", "guards": list(self.guards),
                "cancel_alls": {"command": self.sweeps}, "quotes": list(self.quotes), "roles": [], "depths": {},
                "flatten": self.flattened}
        self.guards = [name for name in self.guards if name != "cancel_all"]
        return said

    def threads_text(self) -> str:
        return "a dump"

    def pause(self, reason: str) -> None:
        self.asked.append(("pause", reason))
        self.guards, self.quotes = ["cancel_all", "paused"], []

    def resume(self, *, force: bool = False) -> None:
        self.asked.append(("resume", force))
        self.guards = []

    def cancel_all(self, reason: str = "cancel_all") -> None:
        self.asked.append(("cancel_all", reason))
        self.guards, self.sweeps, self.quotes = ["cancel_all", "cooldown"], self.sweeps + 1, []

    def flatten(self, reason: str = "flatten") -> None:
        self.asked.append(("flatten", reason))
        self.guards, self.quotes, self.flattened = ["paused"], [], {"done": True, "left": self.unsold}


@pytest.fixture
def trader() -> FakeTrader:
    return FakeTrader()


@pytest.fixture
def there(trader: FakeTrader) -> Iterator[list[str]]:
    """Where it listens, as arguments. A thread serves its control socket for as long as the test runs."""
    with tempfile.TemporaryDirectory(prefix="t-") as folder:
        role = ControlRole(OpsSettings(control_dir=folder), SystemClock(), answers_of(trader))
        role.on_start()
        serving = threading.Event()
        serving.set()
        thread = threading.Thread(target=lambda: [role.do_work() for _ in iter(serving.is_set, False)], daemon=True)
        thread.start()
        yield ["--control-dir", folder, "--pid", str(os.getpid())]
        serving.clear()
        thread.join(5)
        role.on_stop()


Capture = pytest.CaptureFixture[str]


# --- looking ----------------------------------------------------------------------------------------------------------


def test_status_is_the_table_once_and_without_colours_in_a_pipe(there: list[str], capsys: Capture) -> None:
    assert main(["status", *there]) == 0
    out = capsys.readouterr().out
    assert out.count("window     ") == 1 and "buy  YES    51 ¢      7  working" in out and "\x1b" not in out


def test_status_as_json_is_all_of_stats(there: list[str], trader: FakeTrader, capsys: Capture) -> None:
    assert main(["status", "--json", *there]) == 0
    assert json.loads(capsys.readouterr().out) == trader.stats()


def test_threads_are_a_dump_for_people_and_data_for_programs(there: list[str], capsys: Capture) -> None:
    assert main(["threads", *there]) == 0
    assert capsys.readouterr().out == "a dump\n"
    assert main(["threads", "--json", *there]) == 0
    assert json.loads(capsys.readouterr().out).keys() == {"threads", "waits", "roles", "depths"}


# --- changing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("command", "asked", "said"), [
    (["pause"], ("pause", "operator"), "paused: nothing is open. Guards in force: paused.\n"),
    (["pause", "--reason", "lunch"], ("pause", "lunch"), "paused: nothing is open. Guards in force: paused.\n"),
    (["resume"], ("resume", False), "resumed. Guards in force: none.\n"),
    (["resume", "--force"], ("resume", True), "resumed. Guards in force: none.\n"),
    (["cancel-all", "--reason", "odd"], ("cancel_all", "odd"), "cancelled: nothing is open. Guards in force: cooldown.\n"),
    (["flatten"], ("flatten", "operator"), "paused, and everything is sold. Guards in force: paused.\n"),
])
def test_a_command_is_done_when_it_returns_and_says_what_holds_now(there: list[str], trader: FakeTrader, command: list[str],
                                                                   asked: tuple[str, Any], said: str, capsys: Capture) -> None:
    assert main([*command, *there]) == 0
    assert trader.asked == [asked] and capsys.readouterr().out == said


def test_a_command_as_json_is_one_line_for_a_program(there: list[str], capsys: Capture) -> None:
    assert main(["pause", "--json", *there]) == 0
    assert json.loads(capsys.readouterr().out) == {"command": "pause", "confirmed": True, "trading_mode": "STOP", "guards": ["paused"],
                                                   "open_orders": 0}


def test_what_a_flatten_could_not_sell_is_an_error(there: list[str], trader: FakeTrader, capsys: Capture) -> None:
    trader.unsold = ["57 YES: nobody bids 44 ¢ or more"]
    assert main(["flatten", *there]) == 8
    assert "not everything could be sold: 57 YES: nobody bids 44 ¢ or more. It stays paused" in capsys.readouterr().err


def test_a_reason_that_it_refuses_is_an_error_that_says_why(there: list[str], trader: FakeTrader, capsys: Capture) -> None:
    assert main(["pause", "--reason", "two\nlines", *there]) == 8
    assert trader.asked == [] and "must be one line" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["status", "threads", "pause", "resume", "cancel-all", "flatten"])
def test_without_a_running_trader_each_command_says_so_and_ends_with_8(command: str, tmp_path: Path, capsys: Capture) -> None:
    assert main([command, "--control-dir", str(tmp_path)]) == 8
    assert "Start one with `trader run conf.yaml`" in capsys.readouterr().err


# --- confirming -------------------------------------------------------------------------------------------------------

BUSY = {"guards": ["cancel_all"], "quotes": [{}, {}]}
DONE: dict[str, Any] = {"guards": [], "quotes": []}


def looked(script: list[dict[str, Any]]) -> tuple[dict[str, Any], int]:
    clock, looks = ManualClock(), iter(script)
    stats = confirmed("pause", lambda: next(looks), lambda stats: not stats["guards"], clock, lambda s: clock.advance(ms=round(s * 1000)))
    return stats, sum(1 for _ in looks)


def test_one_look_that_seems_done_is_not_enough() -> None:
    assert looked([DONE, BUSY, DONE, DONE, BUSY]) == (DONE, 1)


def test_what_is_never_confirmed_is_an_error_that_tells_what_may_be_open() -> None:
    with pytest.raises(ControlError, match=r"not confirmed after 15 s: 2 orders may be open, guards: cancel_all\. Look at `trader status"):
        looked([BUSY] * int(CONFIRM_S / 0.1 + 2))
