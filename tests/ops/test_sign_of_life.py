"""Somebody outside hears that the trader lives, for as long as it is healthy and not a moment longer."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest

from trader.ops.settings import OpsSettings
from trader.ops.sign_of_life import SignOfLife, Systemd, signs_of, write_life_file
from trader.testing.manual_clock import ManualClock


def test_signs_are_given_while_it_is_healthy_only() -> None:
    health, given = [True, True, False, True], []
    life = SignOfLife(lambda: health.pop(0), [lambda: given.append("sign")], ManualClock(), lambda s: None)
    for _ in range(4):
        life.do_work()
    assert len(given) == 3


def test_a_sign_that_fails_is_told_once_and_tried_again(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    folder = tmp_path / "later"
    life = SignOfLife(lambda: True, [lambda: write_life_file(folder / "life", 7)], ManualClock(), lambda s: None)
    life.do_work()
    life.do_work()
    assert caplog.text.count("sign of life: cannot be given") == 1
    folder.mkdir()
    life.do_work()
    assert json.loads((folder / "life").read_text()) == {"pid": os.getpid(), "wall_ms": 7}


def test_the_file_is_replaced_in_one_step_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    for wall_ms in (1, 2):
        write_life_file(tmp_path / "life", wall_ms)
    assert [path.name for path in tmp_path.iterdir()] == ["life"]


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_hears_what_it_is_told(tmp_path: Path, abstract: bool) -> None:
    name = f"@trader-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind("\0" + name[1:] if abstract else name)
        Systemd({"NOTIFY_SOCKET": name}).notify("READY=1")
        assert systemd.recv(100) == b"READY=1"


def test_without_systemd_nothing_is_told_and_nothing_fails() -> None:
    systemd = Systemd({})
    systemd.notify("READY=1")
    assert not systemd.watches


@pytest.mark.parametrize(("environ", "watches"), [
    ({"WATCHDOG_USEC": "30000000"}, True),
    ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, True),
    ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, False),
    ({"WATCHDOG_USEC": "soon"}, False),
    ({}, False),
])
def test_its_watchdog_is_fed_when_it_watches_this_process(environ: dict[str, str], watches: bool) -> None:
    assert Systemd({"NOTIFY_SOCKET": "/run/x", **environ}).watches is watches


def test_the_signs_are_those_that_are_configured() -> None:
    watching = Systemd({"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "1"})
    assert len(signs_of(OpsSettings(), Systemd({}), ManualClock())) == 0
    assert len(signs_of(OpsSettings(life_file="x"), watching, ManualClock())) == 2
