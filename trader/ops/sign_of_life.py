"""The sign of life: while the trader is healthy, somebody outside of this process is told so, and notices when it stops.

Thread `life`, started by the command line. Two ways, each optional: a file whose age is watched (`ops.life_file`), and systemd's
watchdog, which restarts a service that fell silent. Both speak of the process, so an embedder runs this role himself if he wants it.
"""

from __future__ import annotations

import json
import logging
import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

from trader.ops.settings import OpsSettings
from trader.runtime.clock import Clock
from trader.runtime.pause import pause
from trader.runtime.role import Posture

log = logging.getLogger(__name__)

EVERY_S = 1.0
Sign = Callable[[], None]


class SignOfLife:
    """Gives every sign at least once a second, while `healthy`. One that fails is logged once and tried again."""

    name = "life"

    def __init__(self, healthy: Callable[[], bool], signs: list[Sign], clock: Clock, pause: Callable[[float], None] = pause) -> None:
        self._healthy, self._signs, self._pause = healthy, signs, pause
        self._failing = False
        self.posture = Posture(clock)

    def on_start(self) -> None:
        pass

    def do_work(self) -> None:
        if self._healthy():
            self._give()
        self._pause(EVERY_S)

    def on_stop(self) -> None:
        pass                         # a file that grows old after an orderly end is right: nobody lives here any more

    def _give(self) -> None:
        try:
            for sign in self._signs:
                sign()
            self._failing = False
        except OSError as error:
            if not self._failing:
                log.error("sign of life: cannot be given (%s). Whoever watches it will think that this trader is dead; "
                          "check ops.life_file.", error)
            self._failing = True


def signs_of(settings: OpsSettings, systemd: Systemd, clock: Clock) -> list[Sign]:
    file: list[Sign] = [lambda: write_life_file(Path(settings.life_file), clock.wall_ms())] if settings.life_file else []
    return [*file, lambda: systemd.notify("WATCHDOG=1")] if systemd.watches else file


def write_life_file(path: Path, wall_ms: int) -> None:
    """Replaced in one step, so that a reader never finds half of it."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.write_text(json.dumps({"pid": os.getpid(), "wall_ms": wall_ms}) + "\n", encoding="ascii")
    fresh.replace(path)


class Systemd:
    """sd_notify(3) in a few lines: datagrams to the socket that systemd named. Without one every method does nothing."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        meant_for_us = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self.watches = bool(address) and meant_for_us and environ.get("WATCHDOG_USEC", "").isdecimal()

    def notify(self, state: str) -> None:
        """READY=1, STOPPING=1, WATCHDOG=1, STATUS=…; OSError when systemd is not there."""
        if self._address:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as end:
                end.settimeout(EVERY_S)
                end.sendto(state.encode(), self._address)
