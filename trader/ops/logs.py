"""The log of `trader run`: records go through a queue to one thread, `log`, which formats and writes them.

A thread that trades pays for one record and one put: it formats nothing, and no terminal, pipe or disk can hold it up. Used by the
command line only; a program that embeds a `Trader` has the logging that it configured itself.
"""

from __future__ import annotations

import contextlib
import copy
import logging
import queue
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from difflib import get_close_matches
from logging.handlers import WatchedFileHandler
from types import TracebackType
from typing import NamedTuple

import orjson

from trader.errors import ConfigError
from trader.model.setting import Secret
from trader.ops.settings import OpsSettings
from trader.runtime.clock import Clock
from trader.runtime.role import Posture, RoleThread

log = logging.getLogger(__name__)

LIMIT = 10_000               # records that wait; more are counted and left out
PARK_S = 0.2
CLOSE_S = 2.0                # for what still waits at the end
SAME_LIMIT = 5               # lines with the same text …
SAME_NS = 10_000_000_000     # … within this time; the rest is counted and told afterwards
_SHORTEST_SECRET = 6         # anything shorter would blot out innocent text
_DIGITS = re.compile(r"\d+")
_TEXT_FORM = "%(asctime)s %(levelname)-8s %(threadName)-15s %(message)s"
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
_UNREADABLE = "(this line cannot be formatted: {!r:.200} with {} arguments)"

Secrets = Callable[[], Iterable[Secret]]


# --- the thread that writes -------------------------------------------------------------------------------------------


class QueueEnd(logging.Handler):
    """What the threads see of the log. Takes no lock: a put of `SimpleQueue` is one C call, also inside a signal handler."""

    def __init__(self, limit: int = LIMIT) -> None:
        super().__init__()
        self._records: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
        self._limit = limit
        self.left_out = 0            # several threads may miscount it by a few; nothing depends on it

    def handle(self, record: logging.LogRecord) -> bool:     # any thread; logging's own takes the handler's lock
        passed = self.filter(record)
        if passed:
            self.emit(passed if isinstance(passed, logging.LogRecord) else record)
        return bool(passed)

    def emit(self, record: logging.LogRecord) -> None:       # any thread
        if self._records.qsize() < self._limit:
            self._records.put(record)
        else:
            self.left_out += 1

    def take(self, timeout_s: float) -> Iterator[logging.LogRecord]:     # thread log; its parking spot
        """What waits now, after at most `timeout_s` of nothing."""
        with contextlib.suppress(queue.Empty):
            yield self._records.get(timeout=timeout_s) if timeout_s > 0 else self._records.get_nowait()
            for _ in range(self._limit):
                yield self._records.get_nowait()


class LogWriter:
    """The role `log`. Writes to the handlers of `sinks`, a logger that stands beside the hierarchy."""

    name = "log"

    def __init__(self, source: QueueEnd, sinks: logging.Logger, clock: Clock) -> None:
        self._source, self._sinks, self._clock = source, sinks, clock
        self._repeats = Repeats()
        self._told_left_out = 0
        self.posture = Posture(clock)

    def on_start(self) -> None:
        pass

    def do_work(self) -> None:
        self.write(PARK_S)

    def on_stop(self) -> None:
        self.write(0)
        self._write_all(self._repeats.close())

    def write(self, timeout_s: float) -> None:
        for record in self._source.take(timeout_s):
            self._write_all(self._repeats.pass_on(settled(record), self._clock.monotonic_ns()))
        self._write_all(self._repeats.expire(self._clock.monotonic_ns()))
        if self._source.left_out > self._told_left_out:
            missing, self._told_left_out = self._source.left_out - self._told_left_out, self._source.left_out
            self._write_all([_remark(f"log: {missing} lines came faster than they could be written and were left out")])

    def _write_all(self, records: Iterable[logging.LogRecord]) -> None:
        for record in records:
            self._sinks.handle(record)


def settled(record: logging.LogRecord) -> logging.LogRecord:
    """The same with its text made, whatever its arguments are. A copy: other handlers may be reading the record."""
    line = copy.copy(record)
    try:
        line.msg = record.getMessage()
    except Exception:                # a wrong format, a __repr__ that raises: the text is lost, not the log
        line.msg = _UNREADABLE.format(record.msg, len(record.args or ()))
    line.args = None
    return line


def _remark(text: str, level: int = logging.WARNING, name: str = __name__) -> logging.LogRecord:
    return logging.LogRecord(name, level, __file__, 0, text, None, None)


# --- repeats ----------------------------------------------------------------------------------------------------------


class _Seen(NamedTuple):
    since_ns: int
    times: int
    last: logging.LogRecord


class Repeats:
    """Lets the first lines of a kind pass and counts the others. Pure; owner: thread `log`.

    Below WARNING a repeat is the very same text, from WARNING on also one in which only numbers differ. An error with a traceback
    or several lines, such as a thread dump, always passes.
    """

    def __init__(self, limit: int = SAME_LIMIT, within_ns: int = SAME_NS) -> None:
        self._limit, self._within_ns = limit, within_ns
        self._seen: dict[tuple[str, int, str], _Seen] = {}

    def pass_on(self, record: logging.LogRecord, now_ns: int) -> list[logging.LogRecord]:
        if record.exc_info or "\n" in record.msg:
            return [record]
        text = _DIGITS.sub("#", record.msg) if record.levelno >= logging.WARNING else record.msg
        kind = (record.name, record.levelno, text)
        ended = self.expire(now_ns)
        seen = self._seen.get(kind, _Seen(now_ns, 0, record))
        self._seen[kind] = _Seen(seen.since_ns, seen.times + 1, record)
        return [*ended, record] if seen.times < self._limit else ended

    def expire(self, now_ns: int) -> list[logging.LogRecord]:
        """The counts of all that have had their time. The oldest stands first, because a kind is removed before it starts anew."""
        told = []
        while self._seen:
            kind, oldest = next(iter(self._seen.items()))
            if now_ns - oldest.since_ns < self._within_ns:
                break
            told += _told(self._seen.pop(kind), self._limit)
        return told

    def close(self) -> list[logging.LogRecord]:
        return self.expire(10**19)


def _told(seen: _Seen, limit: int) -> list[logging.LogRecord]:
    more = seen.times - limit
    return [_remark(f"{seen.last.msg} (and {more} more like this)", seen.last.levelno, seen.last.name)] if more > 0 else []


# --- what a line looks like -------------------------------------------------------------------------------------------


class Redactor:
    """Replaces every known secret by ***, whichever way it came into a line: the last fence, not the first."""

    def __init__(self, secrets: Secrets) -> None:
        """`secrets` is asked for each line: some are known only after the venue has given them."""
        self._secrets = secrets
        self._known: frozenset[str] = frozenset()
        self._pattern: re.Pattern[str] | None = None

    def __call__(self, text: str) -> str:
        known = frozenset(form for secret in self._secrets() for form in _forms(secret.reveal()))
        if known != self._known:
            self._known = known
            longest_first = "|".join(re.escape(one) for one in sorted(known, key=len, reverse=True))
            self._pattern = re.compile(longest_first, re.IGNORECASE) if known else None
        return self._pattern.sub("***", text) if self._pattern else text


def _forms(text: str) -> list[str]:
    """A key is written with and without 0x."""
    return [form for form in (text, text.removeprefix("0x")) if len(form) >= _SHORTEST_SECRET]


class TextForm(logging.Formatter):
    """One line a record, local time, traceback below."""

    def __init__(self, redact: Callable[[str], str]) -> None:
        super().__init__(_TEXT_FORM)
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        return self._redact(super().format(record))


class JsonForm(logging.Formatter):
    """One JSON object a line, UTC (docs/logs.md)."""

    def __init__(self, redact: Callable[[str], str]) -> None:
        super().__init__()
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        row = {"time": f"{moment[:-6]}Z", "level": record.levelname, "thread": record.threadName, "component": component_of(record.name),
               "message": record.getMessage()}
        if record.exc_info:
            row["traceback"] = self.formatException(record.exc_info)
        redacted = {name: self._redact(str(value)).encode("utf-8", "replace").decode() for name, value in row.items()}
        return orjson.dumps(redacted).decode()


def component_of(logger_name: str) -> str:
    """trader.feeds.book_feed → feeds; of other libraries the whole name."""
    root, _, rest = logger_name.partition(".")
    return rest.partition(".")[0] if root == "trader" and rest else logger_name


# --- levels -----------------------------------------------------------------------------------------------------------


COMPONENTS = ("app", "cli", "exchange", "executor", "feeds", "fleet", "gateway", "journal", "markets", "ops", "runtime", "strategy",
              "venues")


def levels_in(text: str) -> dict[str, str]:
    """`ops.log_levels` as it came from the configuration. Raises ConfigError."""
    if not text:
        return {}
    found = {}
    for component, level in orjson.loads(text).items():
        if component not in COMPONENTS:
            close = get_close_matches(component, COMPONENTS, n=1)
            raise ConfigError(f"ops.log_levels.{component}: unknown component{f'; did you mean {close[0]!r}?' if close else '.'}",
                              remedy=f"Known: {', '.join(COMPONENTS)}.")
        if str(level).upper() not in _LEVELS:
            raise ConfigError(f"ops.log_levels.{component}: was {str(level)[:40]!r}, must be one of {', '.join(_LEVELS)}.",
                              remedy="Correct it.")
        found[component] = str(level).upper()
    return found


# --- all of it --------------------------------------------------------------------------------------------------------


class Logs:
    """Between enter and exit everything that is logged in this process goes through the queue. Owner: the main thread.

    Standard error's handlers stand aside meanwhile and come back at the end; others, as of a test, go on.
    """

    def __init__(self, settings: OpsSettings, secrets: Secrets, clock: Clock) -> None:
        """Raises ConfigError when `ops.log_file` cannot be written."""
        self._source = QueueEnd()
        self.sinks = logging.Logger("sinks")
        redact = Redactor(secrets)
        self._sink = _sink_of(settings)
        self._sink.setFormatter(JsonForm(redact) if settings.log_format == "json" else TextForm(redact))
        self.sinks.addHandler(self._sink)
        self._writer = LogWriter(self._source, self.sinks, clock)
        self._thread = RoleThread(self._writer, self._on_crash)
        self._levels = {f"trader.{name}": level for name, level in levels_in(settings.log_levels).items()}
        self._before: dict[str, int] = {}
        self._aside: list[logging.Handler] = []

    def __enter__(self) -> Logs:
        root = logging.getLogger()
        self._aside = [one for one in root.handlers if type(one) is logging.StreamHandler and one.stream is sys.stderr]
        for handler in self._aside:
            root.removeHandler(handler)
        root.addHandler(self._source)
        for name, level in self._levels.items():
            self._before[name] = logging.getLogger(name).level
            logging.getLogger(name).setLevel(level)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._give_back()
        self._thread.ask_to_stop()
        self._thread.join(CLOSE_S)       # a terminal that takes nothing must not keep the program
        if not self._thread.is_alive():
            self._sink.close()
        for name, level in self._before.items():
            logging.getLogger(name).setLevel(level)

    def _give_back(self) -> None:
        root = logging.getLogger()
        root.removeHandler(self._source)
        for handler in self._aside:
            root.addHandler(handler)
        self._aside = []

    def _on_crash(self, name: str, error: BaseException) -> None:
        """Trading goes on, and so does the log, written by whoever logs."""
        self._give_back()
        log.error("the thread %s failed; from here on every thread writes its lines itself", name, exc_info=error)


def _sink_of(settings: OpsSettings) -> logging.Handler:
    if not settings.log_file:
        return logging.StreamHandler()
    try:
        return WatchedFileHandler(settings.log_file, encoding="utf-8", errors="backslashreplace")    # logrotate may move it at any time
    except OSError as error:
        raise ConfigError(f"ops.log_file {settings.log_file} cannot be written: {error.strerror}.",
                          remedy="Name a file in a folder that exists and that you may write to.") from error
