"""`trader frames`: raw frames from files, through the very decoders and books of the feeds. Runs on the thread that asks.

Time is what the recording says. Frames without a time move a clock of their own by 1 ms each, so that the same file always gives
the same report.
"""

from __future__ import annotations

import base64
import binascii
import io
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

import orjson

from trader.errors import ConfigError
from trader.ops.archive import DAMAGED, read_lines
from trader.ops.frames_books import Bench, Streams

STEP_NS = 1_000_000              # between two frames that name no time
_PLAIN = (b"PONG", b"PING")      # the only frames that are not JSON


class Frame(NamedTuple):
    """One line of a recording. `t_ns` is None when it does not say; `dropped` frames are missing at this place."""

    conn: str | None
    t_ns: int | None
    payload: bytes
    dropped: int = 0


def read_recording(files: Sequence[str], *, conn: str = "pm-book", symbol: str = "BTCUSDT",
                   stdin: IO[bytes] | None = None) -> dict[str, Any]:
    """The report on all files together, in the order given, as plain JSON values (docs/frames.md).

    `conn`: whose frames those are that do not say. Raises ConfigError for a file of which nothing can be read.
    """
    streams = Streams(symbol)
    benches: dict[str, Bench] = {}
    rows = [_read_file(name, conn, streams, benches, stdin or sys.stdin.buffer) for name in files]
    for bench in benches.values():
        bench.end()
    times = [t_ns for bench in benches.values() for t_ns in (bench.first_ns, bench.last_ns) if t_ns is not None]
    return {
        "files": rows,
        "first_t_ns": min(times, default=None),
        "last_t_ns": max(times, default=None),
        "connections": {name: benches[name].counts() for name in sorted(benches)},
        "assets": [asset for name in sorted(benches) for asset in benches[name].assets()],
    }


def _read_file(name: str, conn: str, streams: Streams, benches: dict[str, Bench], stdin: IO[bytes]) -> dict[str, Any]:
    counts = Counter[str]()
    damage: str | None = None
    try:
        with _opened(name, stdin) as raw:
            for line in read_lines(raw):
                _count_line(line, conn, streams, benches, counts)
    except DAMAGED as why:
        damage = getattr(why, "strerror", None) or str(why) or type(why).__name__
        if not counts and not isinstance(why, EOFError):         # EOFError: cut off before the first line, like a zst file
            raise ConfigError(f"{name} cannot be read: {damage}.", remedy="Name recordings (docs/frames.md), or - for stdin.") from None
    if counts["lines"] and counts["corrupt"] + counts["too_long"] == counts["lines"]:
        raise ConfigError(f"{name} has {counts['lines']} lines and none of them is a frame.", remedy="Name recordings (docs/frames.md).")
    return {"file": name, **{key: counts[key] for key in ("lines", "frames", "corrupt", "too_long")}, "damage": damage}


def _opened(name: str, stdin: IO[bytes]) -> io.BufferedReader:
    if name != "-":
        return Path(name).open("rb")
    return stdin if isinstance(stdin, io.BufferedReader) else io.BufferedReader(io.BytesIO(stdin.read()))


def _count_line(line: bytes | None, conn: str, streams: Streams, benches: dict[str, Bench], counts: Counter[str]) -> None:
    if line is not None and not line.strip():
        return
    counts["lines"] += 1
    frame = None if line is None else parse_line(line.strip())
    if frame is None:
        counts["too_long" if line is None else "corrupt"] += 1
        return
    name = frame.conn or conn
    bench = benches.get(name)
    if bench is None:
        bench = benches[name] = Bench(name, streams.decoder(name))
    if frame.dropped:
        bench.gap(frame.dropped)
        return
    counts["frames"] += 1
    bench.add(frame.payload, bench.now_ns + STEP_NS if frame.t_ns is None else frame.t_ns, is_timed=frame.t_ns is not None)


def parse_line(line: bytes) -> Frame | None:
    """None for what is neither a recorded line nor a bare frame."""
    if line in _PLAIN:
        return Frame(None, None, line)
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    if isinstance(row, list) or (isinstance(row, dict) and not row.keys() & {"frame", "frame_b64", "dropped"}):
        return Frame(None, None, line)
    return _recorded(row) if isinstance(row, dict) else None


def _recorded(row: dict[str, Any]) -> Frame | None:
    conn, t_ns = row.get("conn"), row.get("t_ns")
    if not isinstance(conn, str | None) or not (t_ns is None or (type(t_ns) is int and t_ns >= 0)):
        return None
    dropped = row.get("dropped")
    if dropped is not None:
        return Frame(conn, t_ns, b"", dropped) if type(dropped) is int and dropped > 0 else None
    payload = _payload(row)
    return None if payload is None else Frame(conn, t_ns, payload)


def _payload(row: dict[str, Any]) -> bytes | None:
    text, coded = row.get("frame"), row.get("frame_b64")
    if isinstance(text, str):
        return text.encode()
    try:
        return base64.b64decode(coded, validate=True) if isinstance(coded, str) else None
    except (binascii.Error, ValueError):
        return None
