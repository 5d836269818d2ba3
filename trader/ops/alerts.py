"""Alerts: what somebody should be woken for, posted to a webhook and given to a command.

Thread `alerts`, which runs when one of the two is configured. Fed by the executor's report, whose counters only grow, so that nothing
between two looks is missed, and by `app.py`, which tells of crashes. It trades nothing and no watchdog looks at it: a webhook that
hangs delays alerts and nothing else.
"""

from __future__ import annotations

import logging
import os
import platform
import shlex
import subprocess
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

import httpx

from trader.ops.settings import OpsSettings
from trader.runtime.clock import Clock
from trader.runtime.pause import pause
from trader.runtime.role import Posture

log = logging.getLogger(__name__)

LOOK_S = 0.25
DEADLINE_S = 5.0             # of a webhook's answer
COMMAND_S = 10.0
WAITING_LIMIT = 100          # deliveries; beyond it the oldest is given up
RETRY_S = (2, 10, 60)        # after the first, second and third failure; then it is given up
LAST_WORDS_S = 2.0           # at the end, for what still waits
_NS = 1_000_000_000

KILL_SWITCHES = frozenset({"daily_loss", "credentials", "paused"})       # only an operator ends these
ROUTINE_GUARDS = frozenset({"cancel_all", "cooldown", "caution", "near_close"})
ROUTINE_CANCELS = frozenset({"boot", "roll", "stop"})


class Incident(NamedTuple):
    """Something that happened. `kind` and `name` say what counts as the same again."""

    kind: str                # guard, kill_switch, cancel_all, crash, orders_open
    name: str
    text: str

    @property
    def severity(self) -> str:
        return "critical" if self.kind in ("kill_switch", "crash", "orders_open") else "warning"


class Alert(NamedTuple):
    """One message. `times`: how often it happened since the last one of its kind."""

    incident: Incident
    times: int
    wall_ms: int


class GuardReport(Protocol):
    """What alerts need of the executor's report. Everything but `guard_since_ns` only grows."""

    @property
    def slug(self) -> str: ...
    @property
    def guard_ms(self) -> Mapping[str, int]: ...
    @property
    def guard_since_ns(self) -> Mapping[str, int]:
        """Only guards that are in force."""
        ...
    @property
    def cancel_alls(self) -> Mapping[str, int]: ...


# --- what happened ----------------------------------------------------------------------------------------------------


class Incidents:
    """Guard entries and cancel-alls since the last look. Pure."""

    def __init__(self) -> None:
        self._since_ns: dict[str, int] = {}
        self._guard_ms: dict[str, int] = {}
        self._cancel_alls: dict[str, int] = {}

    def since_last(self, report: GuardReport) -> list[Incident]:
        """A guard that came and went between two looks has grown in `guard_ms`."""
        entered = [name for name, since_ns in report.guard_since_ns.items() if self._since_ns.get(name) != since_ns]
        entered += [name for name, held_ms in report.guard_ms.items()
                    if held_ms > self._guard_ms.get(name, 0) and name not in report.guard_since_ns and name not in self._since_ns]
        found = [_guard(name, report) for name in entered if name not in ROUTINE_GUARDS]
        for reason, count in report.cancel_alls.items():
            if count > self._cancel_alls.get(reason, 0) and reason not in ROUTINE_CANCELS and reason not in report.guard_ms:
                found.append(Incident("cancel_all", reason, f"everything was cancelled ({reason}) in {_market(report)}."))
        self._since_ns, self._guard_ms = dict(report.guard_since_ns), dict(report.guard_ms)
        self._cancel_alls = dict(report.cancel_alls)
        return found


def _guard(name: str, report: GuardReport) -> Incident:
    kind = "kill_switch" if name in KILL_SWITCHES else "guard"
    now = "is in force" if name in report.guard_since_ns else "was in force for a moment"
    return Incident(kind, name, f"guard {name} {now} in {_market(report)}. docs/runbook.md says what it means and what to do.")


def _market(report: GuardReport) -> str:
    return report.slug or "no market"


class _Held(NamedTuple):
    sent_ns: int
    times: int               # that it was held back since
    newest: Incident


class Deduplication:
    """Lets an incident pass, and the same again only after a while, with the number of times that it happened. Pure."""

    def __init__(self, again_after_ns: int) -> None:
        self._again_after_ns = again_after_ns
        self._held: dict[tuple[str, str], _Held] = {}

    def alerts(self, incidents: list[Incident], now_ns: int, wall_ms: int) -> list[Alert]:
        """What is to be sent now: incidents that are new, and those that were held back long enough."""
        due = self._due(now_ns, wall_ms)
        for incident in incidents:
            key = (incident.kind, incident.name)
            held = self._held.get(key)
            if held is None:
                due.append(Alert(incident, 1, wall_ms))
            self._held[key] = _Held(now_ns, 0, incident) if held is None else _Held(held.sent_ns, held.times + 1, incident)
        return due

    def _due(self, now_ns: int, wall_ms: int) -> list[Alert]:
        over = [(key, held) for key, held in self._held.items() if now_ns - held.sent_ns >= self._again_after_ns]
        for key, held in over:
            del self._held[key]
            if held.times:
                self._held[key] = _Held(now_ns, 0, held.newest)
        return [Alert(held.newest, held.times, wall_ms) for _, held in over if held.times]


# --- where it goes ----------------------------------------------------------------------------------------------------


class Target(Protocol):
    """`send` blocks for a few seconds at most, and returns why it failed; empty: delivered."""

    @property
    def name(self) -> str: ...
    def send(self, alert: Alert) -> str: ...


class Webhook:
    name = "webhook"

    def __init__(self, url: str, client: httpx.Client | None = None) -> None:
        self._url, self._client = url, client or httpx.Client(timeout=DEADLINE_S)

    def send(self, alert: Alert) -> str:
        """The URL may hold a token: it is in no text."""
        try:
            answer = self._client.post(self._url, json=as_row(alert))
        except (httpx.HTTPError, httpx.InvalidURL) as why:
            return type(why).__name__
        return "" if answer.is_success else f"HTTP {answer.status_code}"


class CommandLine:
    name = "command"

    def __init__(self, command: str, deadline_s: float = COMMAND_S) -> None:
        self._words, self._deadline_s = shlex.split(command), deadline_s

    def send(self, alert: Alert) -> str:
        try:
            done = subprocess.run(self._words, input=as_text(alert), text=True, timeout=self._deadline_s, check=False,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        except (OSError, subprocess.TimeoutExpired) as why:
            return f"{type(why).__name__} from {self._words[0]}"
        return "" if done.returncode == 0 else f"{self._words[0]} ended with exit code {done.returncode}"


def as_row(alert: Alert) -> dict[str, Any]:
    """`text` is what chat webhooks show."""
    return {
        "text": as_text(alert), "kind": alert.incident.kind, "name": alert.incident.name, "severity": alert.incident.severity,
        "count": alert.times, "time": datetime.fromtimestamp(alert.wall_ms / 1000, UTC).isoformat(timespec="milliseconds"),
        "host": platform.node(), "pid": os.getpid(),
    }


def as_text(alert: Alert) -> str:
    times = f" ({alert.times} times)" if alert.times > 1 else ""
    return f"trader on {platform.node()} (pid {os.getpid()}), {alert.incident.severity}: {alert.incident.text}{times}"


def targets_of(settings: OpsSettings) -> list[Target]:
    webhook: list[Target] = [Webhook(settings.alert_webhook.reveal())] if settings.alert_webhook else []
    return [*webhook, CommandLine(settings.alert_command)] if settings.alert_command else webhook


# --- the thread -------------------------------------------------------------------------------------------------------


class Delivery(NamedTuple):
    due_ns: int
    failures: int
    alert: Alert
    target: Target


class AlertRole:
    """`tell` may be called from any thread; the rest is the thread's own."""

    name = "alerts"

    def __init__(self, targets: list[Target], repeat_s: int, report: Callable[[], GuardReport | None], clock: Clock,
                 pause: Callable[[float], None] = pause) -> None:
        self._targets, self._report, self._clock, self._pause = targets, report, clock, pause
        self._incidents, self._deduplication = Incidents(), Deduplication(repeat_s * _NS)
        self._told: deque[Incident] = deque(maxlen=WAITING_LIMIT)
        self._waiting: list[Delivery] = []
        self.posture = Posture(clock)
        self.sent = self.given_up = 0

    @property
    def wanted(self) -> bool:
        return bool(self._targets)

    def tell(self, incident: Incident) -> None:
        self._told.append(incident)

    def on_start(self) -> None:
        pass

    def do_work(self) -> None:
        self._pause(LOOK_S)
        self._look()
        self._deliver_due()

    def on_stop(self) -> None:
        """One attempt for each that waits, while the time lasts."""
        end_ns = self._clock.monotonic_ns() + int(LAST_WORDS_S * 1e9)
        self._look()
        for delivery in self._waiting:
            if self._clock.monotonic_ns() >= end_ns or delivery.target.send(delivery.alert):
                self.given_up += 1
            else:
                self.sent += 1
        if self.given_up:
            log.error("alerts: %d could not be delivered", self.given_up)

    def _look(self) -> None:
        told = [self._told.popleft() for _ in range(len(self._told))]
        report = self._report()
        found = told + (self._incidents.since_last(report) if report else [])
        now_ns = self._clock.monotonic_ns()
        for alert in self._deduplication.alerts(found, now_ns, self._clock.wall_ms()):
            self._waiting += [Delivery(now_ns, 0, alert, target) for target in self._targets]
        excess = len(self._waiting) - WAITING_LIMIT
        if excess > 0:
            del self._waiting[:excess]
            self.given_up += excess

    def _deliver_due(self) -> None:
        """The first that is due; the others have their turn after the next look."""
        now_ns = self._clock.monotonic_ns()
        delivery = next((one for one in self._waiting if one.due_ns <= now_ns), None)
        if delivery is None:
            return
        self._waiting.remove(delivery)
        self.posture.declare(f"sending to {delivery.target.name}", int((DEADLINE_S + COMMAND_S) * 1000))
        failed = delivery.target.send(delivery.alert)
        if failed:
            self._retry(delivery, failed)
        else:
            self.sent += 1

    def _retry(self, delivery: Delivery, failed: str) -> None:
        if delivery.failures >= len(RETRY_S):
            self.given_up += 1
            log.error("alerts: the %s did not take %r (%s); given up after %d attempts. Check ops.alert_%s.", delivery.target.name,
                      delivery.alert.incident.name, failed, delivery.failures + 1, delivery.target.name)
            return
        wait_s = RETRY_S[delivery.failures]
        log.warning("alerts: the %s did not take %r (%s); next attempt in %d s", delivery.target.name, delivery.alert.incident.name,
                    failed, wait_s)
        due_ns = self._clock.monotonic_ns() + wait_s * _NS
        self._waiting.append(delivery._replace(due_ns=due_ns, failures=delivery.failures + 1))
