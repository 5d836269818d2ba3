"""The report of `trader frames` as a table for people. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from trader.model.units import BP_PER_DOLLAR, MICRO

_SHOWN_TOKEN = 14            # characters of a token's 78 digits


def frames_text(report: dict[str, Any]) -> str:
    """Files, connections, assets: a block each."""
    blocks = [_files(report["files"]), _span(report), _connections(report["connections"]), _assets(report["assets"])]
    return "\n\n".join("\n".join(block) for block in blocks if block)


def _files(rows: Sequence[dict[str, Any]]) -> list[str]:
    table = [("file", "lines", "frames", "corrupt", "too long", "damage")]
    table += [(row["file"], str(row["lines"]), str(row["frames"]), str(row["corrupt"]), str(row["too_long"]), row["damage"] or "-")
              for row in rows]
    return _aligned(table, left={0, 5})


def _span(report: dict[str, Any]) -> list[str]:
    first_ns, last_ns = report["first_t_ns"], report["last_t_ns"]
    if first_ns is None:
        return ["no times in the files: frames are taken to be 1 ms apart"]
    return [f"{_moment(first_ns)} to {_moment(last_ns)} ({(last_ns - first_ns) / 1e9:.3f} s)"]


def _connections(rows: dict[str, dict[str, Any]]) -> list[str]:
    table = [("connection", "frames", "unparsable", "dropped", "checks", "mismatches", "events")]
    table += [(conn, str(row["frames"]), str(row["unparsable"]), str(row["dropped"]), str(row["checks"]), str(row["mismatches"]),
               ", ".join(f"{name} {count}" for name, count in row["events"].items()) if row["decoded"] else "(no decoder)")
              for conn, row in rows.items()]
    return _aligned(table, left={0, 6}) if rows else []


def _assets(rows: Sequence[dict[str, Any]]) -> list[str]:
    table = [("asset", "bid", "size", "ask", "size", "bids", "asks", "tick", "events", "checks", "mismatches", "state")]
    table += [(_short(row["token_id"]), _price(row["bid_bp"]), _size(row["bid_micro"]), _price(row["ask_bp"]), _size(row["ask_micro"]),
               str(row["bid_levels"]), str(row["ask_levels"]), _price(row["tick_bp"]), str(row["events"]), str(row["checks"]),
               str(row["mismatches"]), row["state"]) for row in rows]
    return _aligned(table, left={0, 11}) if rows else []


def _aligned(table: Sequence[Sequence[str]], left: set[int]) -> list[str]:
    table = [[_printable(cell) for cell in row] for row in table]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return ["  ".join(cell.ljust(width) if at in left else cell.rjust(width)
                      for at, (cell, width) in enumerate(zip(row, widths, strict=True))).rstrip() for row in table]


def _printable(text: str) -> str:
    """Names come from the wire: none of them may move the terminal's cursor."""
    return "".join(char if char.isprintable() else "?" for char in text)


def _short(token_id: str) -> str:
    return token_id if len(token_id) <= _SHOWN_TOKEN else f"{token_id[:_SHOWN_TOKEN]}…"


def _price(price_bp: int | None) -> str:
    return "-" if price_bp is None else f"{price_bp / BP_PER_DOLLAR:.4f}"


def _size(size_micro: int | None) -> str:
    return "-" if size_micro is None else f"{size_micro / MICRO:g}"


def _moment(t_ns: int) -> str:
    try:
        return datetime.fromtimestamp(t_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    except (ValueError, OverflowError, OSError):
        return f"{t_ns} ns"
