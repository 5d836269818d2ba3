"""What a desk says of itself: now (`stats`) and at the end (`summary`). Reads caches and counters only; any thread may ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trader.executor.role import ExecutorReport
from trader.model.intent import Inventory
from trader.model.units import MICRO
from trader.runtime.clock import Clock
from trader.runtime.supervisor import Supervisor
from trader.settings import Settings

if TYPE_CHECKING:
    from trader.desk import Desk


class DeskStats:
    """Before `begin` and after `end` it still answers: a run that failed early has a summary too."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._started_ns = clock.monotonic_ns()
        self._seconds: float | None = None
        self._verified: bool | None = None
        self._mode = ""
        self._desk: Desk | None = None
        self._supervisor: Supervisor | None = None
        self.exit_reason = ""

    def begin(self, settings: Settings, desk: Desk, supervisor: Supervisor) -> None:
        self._mode, self._desk, self._supervisor = settings.mode, desk, supervisor
        self._started_ns = self._clock.monotonic_ns()

    def end(self, *, verified: bool) -> None:
        """`verified`: the venue confirmed that nothing is open."""
        self._seconds = self._elapsed_s()
        self._verified = verified

    def depths(self) -> dict[str, int]:
        """How much waits in each hand-off."""
        if self._desk is None:
            return {}
        hands = self._desk.hands
        return {"inbox": hands.inbox.depth, **{f"outbox.{lane}": depth for lane, depth in hands.outbox.depths.items()}}

    def now(self) -> dict[str, Any]:
        """The summary so far, and what only makes sense while it runs."""
        roles = self._supervisor.report() if self._supervisor else []
        return {
            **self.summary(),
            "quotes": _quotes(self._desk.hands.inventory.read() if self._desk else None),
            "depths": self.depths(),
            "roles": [role._asdict() for role in roles],
        }

    def summary(self) -> dict[str, Any]:
        """Plain JSON values. Keys and units: docs/summary.md."""
        head = {"mode": self._mode, "seconds": round(self._seconds if self._seconds is not None else self._elapsed_s(), 3),
                "exit_reason": self.exit_reason}
        if self._desk is None:
            return head
        report = self._desk.hands.report.read()
        return {
            **head,
            **(_executor(report) if report else {}),
            **_strategy(self._desk),
            **_inventory(self._desk.hands.inventory.read()),
            "open_orders_at_exit": self._open_orders(report),
            "feeds": {feed.name: feed.stats() for feed in (self._desk.book_feed, self._desk.user_feed, self._desk.reference_feed)},
            "verify": self._desk.verify.stats(),
            "recording": self._desk.record.stats() if self._desk.record else None,
            "latency": _latency(self._desk),
        }

    def _open_orders(self, report: ExecutorReport | None) -> int | None:
        """0 when the venue confirmed it; None when nobody knows."""
        if self._verified:
            return 0
        return None if self._verified is False or report is None else report.live_orders

    def _elapsed_s(self) -> float:
        return (self._clock.monotonic_ns() - self._started_ns) / 1e9


def _executor(report: ExecutorReport) -> dict[str, Any]:
    counts, ended = report.counts, report.ended
    marked = None if report.value_micro is None or report.start_value_micro is None else report.value_micro - report.start_value_micro
    return {
        "session": report.session,
        "market": report.slug,
        "windows": counts.get("windows", 0),
        "orders_placed": counts.get("placed", 0),
        "orders_acked": counts.get("acked", 0),
        "orders_rejected": sum(report.refusals.values()),
        "rejected_by_reason": report.refusals,
        "orders_unknown": counts.get("unknown", 0),
        "orders_cancelled": ended.get("cancelled", 0),
        "orders_filled": ended.get("filled", 0),
        "orders_foreign": counts.get("foreign_orders", 0),
        "cancel_requests": counts.get("cancel_requests", 0),
        "fills": report.fills,
        "fills_failed": report.failed_fills,
        "fills_foreign": counts.get("foreign_fills", 0),
        "corrections": counts.get("corrections", 0),
        "missing_in_listing": counts.get("missing_in_listing", 0),
        "residual_shares": report.residual_micro / MICRO,
        "volume_usd": report.volume_micro / MICRO,
        "fees_usd": report.fees_micro / MICRO,
        "pnl_marked_usd": None if marked is None else marked / MICRO,
        "cash_usd": report.cash_micro / MICRO,
        "cancel_alls": report.cancel_alls,
        "guards_ms": report.guard_ms,
    }


def _strategy(desk: Desk) -> dict[str, Any]:
    stats = desk.strategy.stats()
    return {
        "ticks": stats.ticks, "ticks_skipped": stats.skipped, "strategy_runs": stats.runs, "triggers": dict(stats.triggers),
        "intents_published": desk.hands.mailbox.published, "intents_replaced": desk.hands.mailbox.replaced,
    }


def _inventory(held: Inventory | None) -> dict[str, Any]:
    if held is None:
        return {}
    return {
        "condition_id": held.condition_id,
        "trading_mode": held.mode.name,
        "guards": list(held.reasons),
        "inventory": {
            "yes": held.yes_effective_micro / MICRO, "no": held.no_effective_micro / MICRO,
            "yes_settled": held.yes_settled_micro / MICRO, "no_settled": held.no_settled_micro / MICRO,
        },
    }


def _quotes(held: Inventory | None) -> list[dict[str, Any]]:
    return [] if held is None else [
        {"order_id": order.order_id, "side": order.slot.side, "kind": order.slot.kind, "token_side": order.side,
         "price": order.price_bp / 10_000, "remaining": order.remaining_micro / MICRO, "state": order.state}
        for order in held.working
    ]


def _latency(desk: Desk) -> dict[str, Any]:
    """Each leg with count, p50 and p99 in microseconds."""
    return {
        "frame_to_snapshot": desk.book_feed.latency.summary(),
        "snapshot_to_intent": desk.strategy.latency.summary(),
        "tick_lateness": desk.strategy.lateness.summary(),
        **desk.executor.stats(),
    }
