"""What a desk says of itself: now (`stats`) and at the end (`summary`). Reads caches and counters only; any thread may ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trader.executor.pnl import WindowResult
from trader.executor.role import ExecutorReport
from trader.model.book import Level, MarketBook, ReferencePrice
from trader.model.intent import Inventory
from trader.model.market import LiveMarket, Market
from trader.model.order import OwnFill
from trader.model.units import BP_PER_DOLLAR, MICRO
from trader.runtime.clock import Clock
from trader.runtime.latency import LatencyWindow
from trader.runtime.process import process_facts
from trader.runtime.supervisor import Supervisor
from trader.settings import Settings

if TYPE_CHECKING:
    from trader.desk import Desk
    from trader.fleet.guard import FleetGuard


POSITIONS_SHOWN = 20


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
        self.status_url: str | None = None
        self.fleet: FleetGuard | None = None     # if one runs beside the desk

    def begin(self, settings: Settings, desk: Desk, supervisor: Supervisor) -> None:
        self._mode, self._desk, self._supervisor = settings.mode, desk, supervisor
        self._started_ns = self._clock.monotonic_ns()

    def serves_at(self, url: str) -> None:
        self.status_url = url

    def end(self, *, verified: bool) -> None:
        """`verified`: the venue confirmed that nothing is open."""
        self._seconds = self._elapsed_s()
        self._verified = verified

    def report(self) -> ExecutorReport | None:
        """The executor's newest word."""
        return None if self._desk is None else self._desk.hands.report.read()

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
            **(self._market() if self._desk else {}),
            "status_url": self.status_url,
            "quotes": _quotes(self._desk.hands.inventory.read() if self._desk else None),
            "depths": self.depths(),
            "roles": [role._asdict() for role in roles],
            "process": process_facts(next((role.native_id for role in roles if role.name == "executor"), None)),
        }

    def _market(self) -> dict[str, Any]:
        """What the desk sees of the market, and since when it may not quote there."""
        assert self._desk is not None
        hands, now_ns = self._desk.hands, self._clock.monotonic_ns()
        live, report, pulse = hands.live.read() or LiveMarket(None, None), hands.report.read(), hands.pulse.read()
        since_ns = report.guard_since_ns if report else {}
        return {
            "window": _window(live, self._clock.wall_ms()),
            "fair": None if pulse is None or pulse.fair_bp is None else pulse.fair_bp / BP_PER_DOLLAR,
            "reference": _reference(hands.reference.read(), live.now),
            "books": _books(hands.book.read(), live.now),
            "slowest_orders": self._slowest_orders(),
            "last_fills": [_fill(fill) for fill in report.last_fills] if report else [],
            "guards_for_ms": {name: (now_ns - began_ns) // 1_000_000 for name, began_ns in since_ns.items()},
        }

    def summary(self) -> dict[str, Any]:
        """Plain JSON values. Keys and units: docs/summary.md."""
        head = {"mode": self._mode, "seconds": round(self._seconds if self._seconds is not None else self._elapsed_s(), 3),
                "exit_reason": self.exit_reason, "fleet": None if self.fleet is None else self.fleet.stats()}
        if self._desk is None:
            return head
        report = self._desk.hands.report.read()
        return {
            **head,
            **(_executor(report) if report else {}),
            **_strategy(self._desk),
            **_inventory(self._desk.hands.inventory.read()),
            "clock_skew_ms": beat.skew_ms if (beat := self._desk.hands.beats.read()) else None,
            "open_orders_at_exit": self._open_orders(report),
            "feeds": {feed.name: feed.stats() for feed in (self._desk.book_feed, self._desk.user_feed, self._desk.reference_feed)},
            "verify": self._desk.verify.stats(),
            "journal": self._desk.journal.stats(),
            "recording": self._desk.record.stats() if self._desk.record else None,
            "latency": {leg: window.summary() for leg, window in self.latencies().items()},
        }

    def _slowest_orders(self) -> list[dict[str, Any]]:
        """Of the last hour, slowest first."""
        assert self._desk is not None
        now_ns = self._clock.monotonic_ns()
        return [
            {"seconds_ago": (now_ns - trace.answered_ns) // 1_000_000_000, "intent": trace.intent,
             **{f"{name.removesuffix('_ns')}_us": round(took_ns / 1000, 1) for name, took_ns in trace._asdict().items()
                if name.endswith("_ns") and name != "answered_ns"}}
            for trace in self._desk.executor.times.slowest.read(now_ns)
        ]

    def latencies(self) -> dict[str, LatencyWindow]:
        """Every leg from the frame to the acknowledgement; empty before there is a desk."""
        return {} if self._desk is None else {
            "frame_to_snapshot": self._desk.book_feed.latency,
            "snapshot_to_intent": self._desk.strategy.latency,
            "tick_lateness": self._desk.strategy.lateness,
            "intent_to_outbox": self._desk.executor.times.intent_to_outbox,
            "outbox_to_wire": self._desk.executor.times.outbox_to_wire,
            "wire_to_ack": self._desk.executor.times.wire_to_ack,
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
        "fills_implausible": counts.get("implausible_fills", 0),
        "orders_listed_after_end": counts.get("listed_after_end", 0),
        "corrections": counts.get("corrections", 0),
        "missing_in_listing": counts.get("missing_in_listing", 0),
        "flatten": {"done": report.flatten is not None, "left": list(report.flatten or ())} if report.flattening else None,
        "residual_shares": report.residual_micro / MICRO,
        "volume_usd": report.volume_micro / MICRO,
        "fees_usd": report.fees_micro / MICRO,
        "pnl_settled_usd": report.pnl.settled_micro / MICRO,
        "pnl_marked_usd": report.pnl.marked_micro / MICRO,
        "pnl_today_usd": report.pnl_today_micro / MICRO,
        "cash_usd": report.cash_micro / MICRO,
        "cancel_alls": report.cancel_alls,
        "guards_ms": report.guard_ms,
        "positions": [_position(result) for result in report.windows[-POSITIONS_SHOWN:]],
    }


def _position(window: WindowResult) -> dict[str, Any]:
    """What we held of one window, and what became of it."""
    pays = {None: None, 0: "NO", BP_PER_DOLLAR: "YES"}[window.pays_bp]
    return {
        "market": window.market.slug, "yes": window.yes_micro / MICRO, "no": window.no_micro / MICRO,
        "mid": None if window.mid_bp is None else window.mid_bp / BP_PER_DOLLAR, "outcome": pays, "pnl_usd": window.pnl_micro / MICRO,
    }


def _strategy(desk: Desk) -> dict[str, Any]:
    stats = desk.strategy.stats()
    return {
        "ticks": stats.ticks, "ticks_skipped": stats.skipped, "strategy_runs": stats.runs, "triggers": dict(stats.triggers),
        "strategy_reason": stats.reason, "strategy_refused": stats.refused, "strategy_reloads": stats.reloads,
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


def _window(live: LiveMarket, now_ms: int) -> dict[str, Any]:
    return {
        "slug": live.now.slug if live.now else None,
        "time_left_s": (live.now.close_ms - now_ms) / 1000 if live.now else None,
        "next": live.next.slug if live.next else None,
    }


def _reference(price: ReferencePrice | None, market: Market | None) -> dict[str, Any]:
    """The strike is there once the candle of this window has told it."""
    if price is None:
        return {"symbol": None, "price": None, "strike": None}
    strike_micro = price.open_micro if market is not None and price.open_ms == market.open_ms else None
    return {"symbol": price.symbol, "price": price.mid_micro / MICRO, "strike": None if strike_micro is None else strike_micro / MICRO}


def _books(book: MarketBook | None, market: Market | None) -> dict[str, Any]:
    """Best prices of both tokens; of no other window than the live one."""
    if book is None or market is None or book.condition_id != market.condition_id:
        return {"yes": _top((), ()), "no": _top((), ())}
    return {"yes": _top(book.yes.bids, book.yes.asks), "no": _top(book.no.bids, book.no.asks)}


def _top(bids: tuple[Level, ...], asks: tuple[Level, ...]) -> dict[str, float | None]:
    best = {"bid": bids[0] if bids else None, "ask": asks[0] if asks else None}
    prices = {side: level.price_bp / BP_PER_DOLLAR if level else None for side, level in best.items()}
    return prices | {f"{side}_size": level.size_micro / MICRO if level else None for side, level in best.items()}


def _quotes(held: Inventory | None) -> list[dict[str, Any]]:
    return [] if held is None else [
        {"order_id": order.order_id, "side": order.slot.side, "kind": order.slot.kind, "token_side": order.side,
         "price": order.price_bp / BP_PER_DOLLAR, "remaining": order.remaining_micro / MICRO, "state": order.state}
        for order in held.working
    ]


def _fill(fill: OwnFill) -> dict[str, Any]:
    return {"number": fill.number, "at_ms": fill.at_ms, "side": fill.side, "kind": fill.kind,
            "price": fill.price_bp / BP_PER_DOLLAR, "size": fill.size_micro / MICRO}
