"""OpenTelemetry: what `/metrics` shows, pushed to a collector every few seconds (docs/status-server.md).

Role `otel`, which runs when `ops.otel_endpoint` is set. It asks the trader what it shows, as a scrape does, and trades nothing; the
executor, the gateway and the feeds do not know of it. A collector that does not answer costs a warning now and then. Everything that
is counted is counted from the start of the run, so that a push which failed has lost nothing once the next one arrives.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from importlib.util import find_spec
from typing import NamedTuple, Protocol
from urllib.parse import unquote, urlsplit

from trader.errors import ConfigError
from trader.ops.metrics import Measured, measured
from trader.ops.settings import OpsSettings
from trader.ops.status_pages import Shown
from trader.runtime.clock import Clock
from trader.runtime.pacer import Pacer
from trader.runtime.pause import pause
from trader.runtime.role import Posture

log = logging.getLogger(__name__)

PARK_S = 0.2
PUSH_LIMIT_MS = 5_000
WARN_AGAIN_NS = 300 * 10**9
_PATH = "/v1/metrics"        # of OTLP over HTTP, below what is called the endpoint
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class Collector(Protocol):
    """`push` takes two seconds at most while the other side does not dawdle, and returns why it failed; empty: taken."""

    @property
    def url(self) -> str: ...
    def push(self, now: Measured, since_ns: int, wall_ns: int) -> str: ...
    def close(self) -> None: ...


class OtelRole:
    """At the end it pushes once more, so that the account of the run is complete, unless the push before failed."""

    name = "otel"

    def __init__(self, collector: Collector, every_s: int, trader: Shown, clock: Clock, pause: Callable[[float], None] = pause) -> None:
        self._collector, self._trader, self._clock, self._pause = collector, trader, clock, pause
        self._pacer = Pacer(clock, every_s * 10**9)
        self._since_ns = clock.wall_ms() * 10**6
        self._failed = 0             # in a row
        self._warned_ns = -WARN_AGAIN_NS
        self.posture = Posture(clock)

    def on_start(self) -> None:
        log.info("metrics are pushed to %s", self._collector.url)

    def do_work(self) -> None:
        self._pause(min(PARK_S, self._pacer.wait_s()))
        if self._pacer.due():
            self._push()

    def on_stop(self) -> None:
        if not self._failed:
            self._push()
        self._collector.close()

    def _push(self) -> None:
        self.posture.declare("pushing metrics", PUSH_LIMIT_MS)
        trader = self._trader
        now = measured(trader.stats(), trader.health(), trader.latencies())
        why = self._collector.push(now, self._since_ns, self._clock.wall_ms() * 10**6)
        if why:
            self._complain(why)
        elif self._failed:
            log.info("the collector at %s takes metrics again, after %d pushes that failed", self._collector.url, self._failed)
            self._failed = 0

    def _complain(self, why: str) -> None:
        now_ns = self._clock.monotonic_ns()
        self._failed += 1
        if now_ns - self._warned_ns >= WARN_AGAIN_NS:        # also of one that comes and goes
            self._warned_ns = now_ns
            log.warning("the collector at %s did not take the metrics (%s); failed in a row: %d. Check ops.otel_endpoint and its "
                        "own log. Trading goes on, and nothing that is counted gets lost.", self._collector.url, why, self._failed)


# --- its settings -------------------------------------------------------------------------------------------------------


class Target(NamedTuple):
    url: str
    headers: dict[str, str]          # may hold a credential: never shown
    attributes: dict[str, str]       # of the resource, beside those that every trader has


def target_of(settings: OpsSettings) -> Target:
    """Raises ConfigError, also when the extra is not installed."""
    split = _split(settings.otel_endpoint)
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.proto") is None:
        raise ConfigError("ops.otel_endpoint needs the package opentelemetry-proto, which is not installed.",
                          remedy="Install it with pip install 'trader[otel]' (in a checkout: .venv/bin/pip install -e '.[otel]').")
    return Target(split.removesuffix("/").removesuffix(_PATH) + _PATH, _pairs("ops.otel_headers", settings.otel_headers.reveal()),
                  _pairs("ops.otel_attributes", settings.otel_attributes))


def _split(endpoint: str) -> str:
    try:
        split = urlsplit(endpoint)
        is_url = split.scheme in ("http", "https") and bool(split.hostname) and split.port != 0 and not (split.query or split.fragment)
    except ValueError:
        is_url = False
    if is_url and "@" not in split.netloc and endpoint.isascii() and endpoint.isprintable() and " " not in endpoint:
        return endpoint
    raise ConfigError("ops.otel_endpoint must be the address of a collector that speaks OTLP over HTTP.",
                      remedy="Write it as in http://127.0.0.1:4318; a credential goes into ops.otel_headers.")


def _pairs(key: str, text: str) -> dict[str, str]:
    """`name=value,name=value`, the values percent-encoded where they must be, as the OTEL_ variables have it."""
    found = {}
    for one in filter(None, map(str.strip, text.split(","))):
        name, equals, value = (part.strip() for part in one.partition("="))
        decoded = unquote(value)
        if not equals or not _NAME.fullmatch(name) or not decoded.isprintable():
            raise ConfigError(f"{key} must be pairs with commas between them (what was given is not shown: it may be a secret).",
                              remedy="Write it as in name=value,name=value, with %2C for a comma in a value.")
        found[name] = decoded
    return found
