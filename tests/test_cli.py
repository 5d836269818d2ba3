"""The command line runs a trader to its orderly end, and says in one sentence why when it cannot."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from trader.cli import Signals, main
from trader.config import Settings, load_config
from trader.errors import OrdersMayBeOpen, TraderError, VenueUnreachable
from trader.model.setting import Secret


class FakeTrader:
    """Records what the command line does with it. `during` runs inside `wait`, as whatever happens while it trades."""

    def __init__(self, during: Callable[[FakeTrader], bool] = lambda trader: False, start_error: Exception | None = None,
                 stop_error: Exception | None = None) -> None:
        self._during, self._start_error, self._stop_error = during, start_error, stop_error
        self.settings: Settings | None = None
        self.record: Path | None = None
        self.calls: list[Any] = []
        self.looks = 0
        self.dumped, self.reloaded = threading.Event(), threading.Event()

    def build(self, settings: Settings, record: Path | None, reread: Callable[[], Settings]) -> FakeTrader:
        self.settings, self.record, self._read_again = settings, record, reread
        return self

    def healthy(self) -> bool:
        return True

    def secrets(self) -> tuple[Secret, ...]:
        return (Secret("the venue's passphrase"),)

    def reread(self) -> None:
        try:
            self.calls.append(("reread", self._read_again().strategy.base_size))
        finally:
            self.reloaded.set()

    def start(self) -> None:
        self.calls.append("start")
        if self._start_error:
            raise self._start_error

    def wait(self, timeout_s: float | None = None) -> bool:
        self.calls.append(("wait", timeout_s))
        return self._during(self)

    def stats(self) -> dict[str, Any]:
        self.looks += 1
        return {"seconds": 1.0, "mode": "embedded", "roles": []}

    def request_stop(self, reason: str) -> None:
        self.calls.append(("request_stop", reason))

    def stop(self, reason: str = "stop") -> None:
        self.calls.append(("stop", reason))
        if self._stop_error:
            raise self._stop_error

    def summary(self) -> dict[str, Any]:
        return {"exit_reason": self.calls[-1][1], "seconds": 1.0, "mode": "embedded"}

    def is_flat(self) -> bool:
        return True

    def threads_text(self) -> str:
        self.dumped.set()
        return "what every thread does"


@pytest.fixture
def conf(tmp_path: Path) -> str:
    path = tmp_path / "conf.yaml"
    path.write_text("mode: embedded\nruntime: {gc: python}\n")
    return str(path)


@pytest.fixture(autouse=True)
def process_as_before() -> Iterator[None]:
    """The command line turns process-wide knobs; the next test finds them as they were. Under `nohup` the tests are started with
    SIGHUP ignored: here every one begins as in a terminal."""
    interval, level = sys.getswitchinterval(), logging.getLogger("trader").level
    hang_up = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, hang_up)
    sys.setswitchinterval(interval)
    logging.getLogger("trader").setLevel(level)


# --- run --------------------------------------------------------------------------------------------------------------


def test_a_run_starts_waits_and_stops(conf: str) -> None:
    trader = FakeTrader()
    assert main(["run", conf, "--for", "5"], trader.build) == 0
    assert trader.calls == ["start", ("wait", 5.0), ("stop", "5.0 s are over")]


def test_without_a_limit_a_run_waits_for_a_signal(conf: str) -> None:
    trader = FakeTrader()
    main(["run", conf], trader.build)
    assert ("wait", None) in trader.calls


def test_set_and_log_level_reach_the_settings(conf: str) -> None:
    trader = FakeTrader()
    main(["run", conf, "--set", "strategy.strategy_hz=7", "--log-level", "error"], trader.build)
    assert trader.settings is not None
    assert (trader.settings.strategy.strategy_hz, trader.settings.ops.log_level) == (7, "ERROR")
    assert logging.getLogger("trader").level == logging.ERROR


def test_the_process_is_tuned_while_it_trades_and_only_then(conf: str) -> None:
    before, seen = sys.getswitchinterval(), list[float]()
    trader = FakeTrader(during=lambda trader: bool(seen.append(sys.getswitchinterval())))
    main(["run", conf, "--set", "runtime.switch_interval_us=700"], trader.build)
    assert (seen, sys.getswitchinterval()) == ([pytest.approx(0.0007)], before)


def test_the_summary_is_printed_and_written(conf: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", conf, "--for", "5", "--summary", str(tmp_path / "s.json")], FakeTrader().build) == 0
    assert capsys.readouterr().out == "ended        5.0 s are over (1.0 s, mode embedded)\n"
    assert json.loads((tmp_path / "s.json").read_text())["exit_reason"] == "5.0 s are over"


def test_the_summary_is_written_also_when_stopping_went_wrong(conf: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trader = FakeTrader(stop_error=OrdersMayBeOpen("2 orders may be open.", remedy="Look at the venue."))
    assert main(["run", conf, "--summary", str(tmp_path / "s.json")], trader.build) == 6
    assert (tmp_path / "s.json").exists()
    assert "trader: 2 orders may be open. Look at the venue.\n" in capsys.readouterr().err


def test_a_summary_file_that_cannot_be_written_is_found_before_the_run(conf: str, tmp_path: Path) -> None:
    trader = FakeTrader()
    assert main(["run", conf, "--summary", str(tmp_path / "absent" / "s.json")], trader.build) == 2
    assert trader.calls == []


def test_a_full_disk_does_not_hide_that_orders_may_be_open(conf: str, caplog: pytest.LogCaptureFixture) -> None:
    trader = FakeTrader(stop_error=OrdersMayBeOpen("2 orders may be open.", remedy="Look at the venue."))
    assert main(["run", conf, "--summary", "/dev/full"], trader.build) == 6
    assert "the summary could not be written: [Errno 28]" in caplog.text


def test_a_failed_start_is_not_stopped_because_it_undoes_itself(conf: str, tmp_path: Path) -> None:
    trader = FakeTrader(start_error=VenueUnreachable("no answer.", remedy="Wait."))
    assert main(["run", conf, "--summary", str(tmp_path / "s.json")], trader.build) == 4
    assert trader.calls == ["start"] and not (tmp_path / "s.json").exists()


def test_a_run_that_ends_by_itself_is_stopped_too(conf: str) -> None:
    trader = FakeTrader(during=lambda trader: True)
    assert main(["run", conf], trader.build) == 0
    assert trader.calls[-1] == ("stop", "the run ended")


def test_a_surprise_while_waiting_still_stops_the_trader(conf: str, caplog: pytest.LogCaptureFixture) -> None:
    trader = FakeTrader(during=lambda trader: 1 // 0 > 0)
    assert main(["run", conf], trader.build) == 1
    assert trader.calls[-1] == ("stop", "unexpected error")
    assert "ZeroDivisionError" in caplog.text


# --- signals ----------------------------------------------------------------------------------------------------------


def raising(number: signal.Signals) -> Callable[[FakeTrader], bool]:
    def during(trader: FakeTrader) -> bool:
        signal.raise_signal(number)
        return False
    return during


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_an_orderly_stop(conf: str, number: signal.Signals) -> None:
    trader = FakeTrader(during=raising(number))
    assert main(["run", conf], trader.build) == 0
    assert trader.calls[-2:] == [("request_stop", number.name), ("stop", number.name)]


def test_a_terminal_that_is_gone_is_an_orderly_stop() -> None:
    trader, terminal = FakeTrader(), iter([True, False])
    with Signals(trader, has_terminal=lambda: next(terminal)):
        signal.raise_signal(signal.SIGHUP)
    assert trader.calls == [("request_stop", "SIGHUP")]


@pytest.mark.parametrize("has_terminal", [True, False], ids=["kill -HUP from a terminal", "a service without one"])
def test_sighup_reads_the_configuration_again_unless_a_terminal_went_away(conf: str, has_terminal: bool) -> None:
    trader = FakeTrader()
    trader.build(load_config(conf), None, lambda: load_config(conf, overrides=["strategy.base_size=77"]))
    with Signals(trader, has_terminal=lambda: has_terminal):
        signal.raise_signal(signal.SIGHUP)
        assert trader.reloaded.wait(5)
    assert trader.calls == [("reread", 77)]


def test_a_configuration_that_became_wrong_changes_nothing_and_is_told(conf: str, caplog: pytest.LogCaptureFixture) -> None:
    trader = FakeTrader()
    trader.build(load_config(conf), None, lambda: load_config(conf, overrides=["strategy.base_size=no"]))
    with Signals(trader, has_terminal=lambda: False):
        signal.raise_signal(signal.SIGHUP)
        assert trader.reloaded.wait(5)
    assert trader.calls == [] and "SIGHUP: nothing is changed" in caplog.text and "strategy.base_size" in caplog.text


def test_a_second_signal_leaves_at_once_and_says_that_orders_may_be_open(capfd: pytest.CaptureFixture[str]) -> None:
    left: list[int] = []
    with Signals(FakeTrader(), leave=left.append):
        signal.raise_signal(signal.SIGINT)
        assert left == []
        signal.raise_signal(signal.SIGTERM)
    assert left == [130]
    assert "trader: SIGTERM after SIGINT: leaving at once. Orders may be open" in capfd.readouterr().err


def test_sigusr1_writes_a_dump_to_the_log_from_a_thread_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    trader = FakeTrader()
    with Signals(trader):
        signal.raise_signal(signal.SIGUSR1)
        assert trader.dumped.wait(5)
    record = next(record for record in caplog.records if "what every thread does" in record.getMessage())
    assert record.threadName == "signals"


def test_the_old_handlers_come_back() -> None:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
    before = [signal.getsignal(number) for number in numbers]
    with Signals(FakeTrader()):
        assert [signal.getsignal(number) for number in numbers] != before
    assert [signal.getsignal(number) for number in numbers] == before


def test_a_hang_up_that_is_ignored_stays_ignored_so_that_nohup_works() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with Signals(FakeTrader()):
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    signal.signal(signal.SIGHUP, before)


# --- errors -----------------------------------------------------------------------------------------------------------


def all_errors(base: type[TraderError] = TraderError) -> list[type[TraderError]]:
    return [base, *(found for child in base.__subclasses__() for found in all_errors(child))]


@pytest.mark.parametrize("kind", all_errors())
def test_every_error_ends_as_one_sentence_and_its_exit_code(conf: str, kind: type[TraderError],
                                                            capsys: pytest.CaptureFixture[str]) -> None:
    trader = FakeTrader(start_error=kind("it broke.", remedy="Mend it."))
    assert main(["run", conf], trader.build) == kind.exit_code
    assert capsys.readouterr().err == "trader: it broke. Mend it.\n"


def test_at_level_debug_an_error_has_its_traceback(conf: str, caplog: pytest.LogCaptureFixture) -> None:
    main(["run", conf, "--log-level", "DEBUG"], FakeTrader(start_error=VenueUnreachable("a.", remedy="b.")).build)
    assert "Traceback" in caplog.text


@pytest.mark.parametrize("line", ["", "rum", "run", "run c --for 0", "run c --for soon", "run c --for nan", "check c --set",
                                  "threads --pid x", "run absent.yaml"])
def test_a_wrong_command_line_is_a_configuration_error_with_a_hint(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(line.split()) == 2
    said = capsys.readouterr().err
    assert said.startswith("trader: ") and ("--help`" in said or "cp conf.yaml.example" in said)


def test_the_folder_of_a_recording_reaches_the_trader(conf: str, tmp_path: Path) -> None:
    trader = FakeTrader()
    assert main(["run", conf, "--record", str(tmp_path)], trader.build) == 0
    assert trader.record == tmp_path


def test_a_folder_that_cannot_be_recorded_to_is_refused_before_anything_starts(conf: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", conf, "--record", "/proc/nowhere"]) == 2
    assert "/proc/nowhere cannot be written" in capsys.readouterr().err


def test_ctrl_c_while_starting_is_no_traceback(conf: str, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(settings: Settings, record: Path | None, reread: Callable[[], Settings]) -> FakeTrader:
        raise KeyboardInterrupt
    assert main(["run", conf], interrupted) == 130
    assert capsys.readouterr().err == "trader: interrupted.\n"


def test_a_reader_that_went_away_is_no_traceback() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run([sys.executable, "-m", "trader", "version"], stdout=write_end, stderr=subprocess.PIPE, timeout=30)
    os.close(write_end)
    assert (done.returncode, done.stderr) == (141, b"")


ORDERS_OPEN = """
import sys
from trader.cli import main
from trader.errors import OrdersMayBeOpen
class Trader:
    def start(self): pass
    def wait(self, timeout_s): return True
    def stop(self, reason): raise OrdersMayBeOpen("2 are open.", remedy="Look.")
    def summary(self): return {"exit_reason": "x", "seconds": 1, "mode": "live"}
    def secrets(self): return ()
    def healthy(self): return True
    def is_flat(self): return True
    def stats(self): return {"roles": []}
sys.exit(main(["run", sys.argv[1]], lambda settings, record, reread: Trader()))
"""


def test_open_orders_matter_more_than_a_reader_that_went_away(conf: str) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run([sys.executable, "-c", ORDERS_OPEN, conf], stdout=write_end, stderr=subprocess.PIPE, timeout=30, text=True)
    os.close(write_end)
    assert done.returncode == 6 and done.stderr.endswith("trader: 2 are open. Look.\n")


# --- the other commands -----------------------------------------------------------------------------------------------


def test_check_of_an_embedded_configuration_needs_nothing_else(conf: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", conf]) == 0
    out = capsys.readouterr().out.splitlines()
    assert [line[:18] for line in out] == ["configuration   ok", "exchange        ok"]


def test_check_tells_every_problem_of_the_configuration(conf: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", conf, "--set", "strategy.strategy_hz=0"]) == 2
    assert "strategy.strategy_hz (--set): was 0, must be 1-100 1/s." in capsys.readouterr().err


LIVE = ["--set", "mode=live", "--set", "polymarket.private_key=0x" + "ab" * 32]


def test_an_offline_check_of_a_live_configuration_asks_nobody(conf: str) -> None:
    keys = ("polymarket.clob_url=http", "polymarket.gamma_url=http", "polymarket.ws_url=ws", "binance.ws_url=ws")
    nowhere = [word for key in keys for word in ("--set", f"{key}://127.0.0.1:1")]
    assert main(["check", conf, "--offline", *LIVE, *nowhere]) == 0
    assert main(["check", conf, *LIVE, *nowhere]) == 4


def test_a_check_tells_programs_the_same(conf: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", conf, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["ready"] is True and [check["verdict"] for check in said["checks"]] == ["ok", "ok"]


def test_versions_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["trader"] == "0.1.0"


def test_version_names_trader_and_python(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == 0
    assert capsys.readouterr().out.startswith("trader 0.1.0 (Python 3.")


def test_the_exchange_gets_its_own_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["exchange", "--help"])
    assert left.value.code == 0 and "--ws-port" in capsys.readouterr().out


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    out = capsys.readouterr().out
    commands = ("run", "check", "exchange", "threads", "status", "pause", "resume", "cancel-all", "flatten", "frames", "version")
    assert all(re.search(rf"\n    {command}\s", out) for command in commands)
