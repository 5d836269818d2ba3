"""What the benchmarks of streams share: a frame sender in a process of its own, cores for both sides, and quantiles."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import trustme

HERE = Path(__file__).parent


class Sender:
    """`ready` is what it said at its start, `done` what it says at its end."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.ready: dict[str, Any] = self._line()

    def done(self) -> dict[str, Any]:
        return self._line()

    def _line(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        return dict(json.loads(self._process.stdout.readline()))


@contextmanager
def sending(*arguments: str) -> Iterator[Sender]:
    """frame_sender.py with these arguments, on the first core."""
    command = [sys.executable, str(HERE / "frame_sender.py"), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        os.sched_setaffinity(process.pid, cores()[:1])
        try:
            yield Sender(process)
        finally:
            process.kill()


def cores() -> list[int]:
    return sorted(os.sched_getaffinity(os.getppid()))


def pin_to_the_others() -> None:
    """This process: every core but the sender's, where there is more than one."""
    os.sched_setaffinity(0, cores()[1:] or cores())


def certificate(folder: Path) -> tuple[str, str]:
    """(chain, key) of a server on this machine; connections of this process trust it."""
    authority, chain, key, trusted = trustme.CA(), folder / "chain.pem", folder / "key.pem", folder / "ca.pem"
    made = authority.issue_cert("127.0.0.1")
    chain.write_bytes(b"".join(part.bytes() for part in made.cert_chain_pems))
    made.private_key_pem.write_to_path(str(key))
    authority.cert_pem.write_to_path(str(trusted))
    os.environ["SSL_CERT_FILE"] = str(trusted)
    return str(chain), str(key)


def quantiles_us(samples_ns: Sequence[int]) -> dict[str, Any]:
    ordered = sorted(samples_ns)
    if not ordered:
        return {"count": 0}
    return {"count": len(ordered)} | {
        name: round(ordered[min(len(ordered) - 1, int(share * len(ordered)))] / 1000, 1)
        for name, share in (("p50_us", 0.5), ("p99_us", 0.99), ("p999_us", 0.999), ("max_us", 1.0))}


def lags_ns(touch_ns: Sequence[int], seen: Sequence[tuple[int, int]], a_cycle: int) -> list[int]:
    """How long after it was sent each touch was seen. `seen`: (number within its cycle, when), in order of time."""
    lags, at = [], 0
    for number, when_ns in seen:
        while at + 1 < len(touch_ns) and touch_ns[at + 1] <= when_ns:
            at += 1
        sent = at - (at - number) % a_cycle      # the newest touch with this number
        if sent >= 0:
            lags.append(when_ns - touch_ns[sent])
    return lags
