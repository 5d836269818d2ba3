"""A desk as a user runs it, with a strategy that hangs on order: what the operator, the on-call phone and the supervisor see."""

from __future__ import annotations

import http.server
import json
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from trader.testing.desk_process import DeskProcess, Wallet

WATCHDOG_MS = 1000
HANGING = '''
import threading
from pathlib import Path
from trader.model.intent import Mode, Quote
from trader.model.order import Side

class Hanging:
    """Rests two orders far from the market until the file beside it says otherwise."""

    def quote(self, view):
        if Path(__file__).with_name("hang").exists():
            threading.Event().wait(60)
        return Mode.NORMAL, (Quote(Side.BUY, 100, 10_000_000), Quote(Side.SELL, 9_900, 10_000_000)), ""
'''

Start = Callable[..., DeskProcess]


class Hooks(http.server.BaseHTTPRequestHandler):
    """Keeps what is posted; refuses the first of each."""

    got: list[dict[str, Any]]
    refused = False

    def do_POST(self) -> None:
        row = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        first, type(self).refused = not self.refused, True
        if not first:
            self.got.append(row)
        self.send_response(503 if first else 200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def webhook() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    handler = type("OwnHooks", (Hooks,), {"got": [], "refused": False})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/T0KEN", handler.got
        server.shutdown()
        thread.join(5)


@pytest.fixture
def start_hanging(start_desk: Start, wallet: Wallet, tmp_path: Path) -> Callable[..., DeskProcess]:
    """With two orders open. `(tmp_path / "hang").touch()` makes the strategy hang."""

    def start(*options: str, environment: dict[str, str] | None = None) -> DeskProcess:
        (tmp_path / "hanging.py").write_text(HANGING)
        words = ["strategy.name=hanging:Hanging", f"runtime.watchdog_ms={WATCHDOG_MS}", "ops.status_port=-1", *options]
        desk = start_desk(wallet.conf, *(part for word in words for part in ("--set", word)),
                          environment={"PYTHONPATH": str(tmp_path), **(environment or {})})
        desk.wait_until(lambda status: wallet.open_orders() == 2, 20, "two orders rest")
        return desk

    return start


def test_a_role_that_hangs_is_cancelled_dumped_alerted_and_ends_the_run_in_time(
        start_hanging: Start, wallet: Wallet, tmp_path: Path, webhook: tuple[str, list[dict[str, Any]]]) -> None:
    url, alerts = webhook
    mail = tmp_path / "mail"
    desk = start_hanging(f"ops.life_file={tmp_path / 'life'}", f"ops.alert_command=sh -c 'cat >> {mail}'",
                         environment={"ALERT_WEBHOOK": url})
    alive_ms = json.loads((tmp_path / "life").read_text())["wall_ms"]
    (tmp_path / "hang").touch()
    began_s = time.monotonic()
    code, summary = desk.finish()
    assert code == 7 and time.monotonic() - began_s < WATCHDOG_MS / 1000 + 5
    assert wallet.open_orders() == 0 == summary["open_orders_at_exit"]
    assert "stuck: strategy, " in desk.log and "hanging.py:12 quote" in desk.log
    assert "role strategy has been in 'cycle'" in mail.read_text()
    crash, = (row for row in alerts if row["kind"] == "crash")
    assert crash["name"] == "strategy" and crash["severity"] == "critical" and crash["pid"] == desk.pid
    assert "T0KEN" not in desk.log
    assert json.loads((tmp_path / "life").read_text())["wall_ms"] >= alive_ms


def test_systemd_hears_that_it_is_ready_lives_and_stops(start_hanging: Start, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(10)
        desk = start_hanging(environment={"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "30000000"})
        assert [systemd.recv(100) for _ in range(3)] == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1"]
        desk.send(signal.SIGTERM)
        while (heard := systemd.recv(100)) == b"WATCHDOG=1":
            pass
        assert heard == b"STOPPING=1" and desk.finish()[0] == 0


def test_a_process_that_stands_still_gives_no_sign_of_life(start_hanging: Start, tmp_path: Path) -> None:
    life = tmp_path / "life"
    desk = start_hanging(f"ops.life_file={life}")
    desk.send(signal.SIGSTOP)
    before = life.read_text()
    time.sleep(2.5)                              # real time is what is tested: two signs are missing
    assert life.read_text() == before
    desk.send(signal.SIGCONT)
    desk.wait_until(lambda status: life.read_text() != before, 5, "it lives again")
    assert desk.interrupt()[0] == 0


def test_the_log_of_a_run_is_json_in_its_file_and_its_secrets_are_not_in_it(start_hanging: Start, wallet: Wallet, tmp_path: Path) -> None:
    path = tmp_path / "desk.log"
    desk = start_hanging(f"ops.log_file={path}", "ops.log_format=json", "ops.log_level=DEBUG")
    desk.send(signal.SIGUSR1)
    desk.wait_until(lambda status: "who waits for whom" in path.read_text(), 5, "the dump is in the log")
    assert desk.interrupt()[0] == 0
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert {"executor", "feeds", "app"} <= {row["component"] for row in rows} and wallet.key[2:] not in path.read_text()


def test_a_wrong_configuration_at_sighup_changes_nothing_and_the_next_right_one_does(start_hanging: Start, wallet: Wallet) -> None:
    """The desk of a test has no terminal of its own, as under systemd."""
    desk = start_hanging()
    right = wallet.conf.read_text()
    wallet.conf.write_text(right.replace("volatility_prior_bp: 8.5", "volatility_prior_bp: many"))
    desk.send(signal.SIGHUP)
    desk.wait_for("SIGHUP: nothing is changed")
    wallet.conf.write_text(right.replace("volatility_prior_bp: 8.5", "volatility_prior_bp: 8.5, base_size: 20"))
    desk.send(signal.SIGHUP)
    desk.wait_until(lambda status: status["strategy_reloads"] == 1, 5, "the new parameters are in force")
    assert desk.interrupt()[0] == 0
