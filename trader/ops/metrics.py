"""The state of a desk in Prometheus' text format, for `/metrics`. Runs on the status server's workers, once a scrape.

`stats()`, `health()` and the histograms are where the numbers come from; the tables below say what each is called. Names follow
Prometheus' rules: base units (seconds, dollars), the unit last, `_total` for what only rises.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Protocol

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from trader import __version__
from trader.model.intent import Mode
from trader.runtime.latency import BOUNDS_NS, Histogram, LatencyWindow

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SHOWN = [index for index, bound_ns in enumerate(BOUNDS_NS)          # 1, 2 and 5 of each decade, from 10 µs to 5 s
          if str(bound_ns).rstrip("0") in ("1", "2", "5") and 10**4 <= bound_ns <= 5 * 10**9]


class Measured(Protocol):
    """What a `Trader` shows of itself."""

    def stats(self) -> dict[str, Any]: ...
    def health(self) -> dict[str, Any]: ...
    def latencies(self) -> Mapping[str, LatencyWindow]: ...


class _Family(NamedTuple):
    """`rows`: value of each label, and the path of the number in `stats()`. A path that leads nowhere has no sample."""

    kind: type[CounterMetricFamily] | type[GaugeMetricFamily]
    name: str
    help: str
    labels: tuple[str, ...]
    rows: tuple[tuple[tuple[str, ...], str], ...]


def _one(kind: type[CounterMetricFamily] | type[GaugeMetricFamily], name: str, path: str, text: str) -> _Family:
    return _Family(kind, name, text, (), (((), path),))


_COUNTER, _GAUGE = CounterMetricFamily, GaugeMetricFamily
_OUTCOMES = ("placed", "acked", "rejected", "unknown", "cancelled", "filled", "foreign")
_FEEDS = ("pm-book", "pm-user", "bn-ticker")
_LANES = ("cancel_all", "cancel", "place", "read")
_FAMILIES = (
    _one(_GAUGE, "trader_uptime_seconds", "seconds", "Since the roles were started."),
    _Family(_COUNTER, "trader_orders", "Orders by what became of them.", ("outcome",),
            tuple(((outcome,), f"orders_{outcome}") for outcome in _OUTCOMES)),
    _one(_GAUGE, "trader_orders_open", "open_orders_at_exit", "Orders that may be live."),
    _one(_COUNTER, "trader_cancel_requests", "cancel_requests", "Cancels by id that were sent."),
    _one(_COUNTER, "trader_windows", "windows", "Windows taken up."),
    _one(_COUNTER, "trader_fills", "fills", "Trades of ours, one for each order that took part."),
    _one(_COUNTER, "trader_fills_failed", "fills_failed", "Of these: settlement failed, the trade was undone."),
    _one(_COUNTER, "trader_fills_foreign", "fills_foreign", "Fills of orders that this run did not place."),
    _one(_COUNTER, "trader_corrections", "corrections", "Times that the venue's balances replaced ours."),
    _one(_COUNTER, "trader_volume_dollars", "volume_usd", "Traded."),
    _one(_COUNTER, "trader_fees_dollars", "fees_usd", "Paid."),
    _Family(_GAUGE, "trader_pnl_dollars", "Profit and loss since the start; of kind today: since the UTC day began.", ("kind",),
            tuple(((kind,), f"pnl_{kind}_usd") for kind in ("settled", "marked", "today"))),
    _one(_GAUGE, "trader_cash_dollars", "cash_usd", "Free collateral by our own books."),
    _Family(_GAUGE, "trader_inventory_shares", "Shares held of the live window.", ("token", "state"), (
        (("yes", "effective"), "inventory/yes"), (("no", "effective"), "inventory/no"),
        (("yes", "settled"), "inventory/yes_settled"), (("no", "settled"), "inventory/no_settled"))),
    _one(_GAUGE, "trader_fair_price_dollars", "fair", "What the strategy thinks a share of YES is worth."),
    _Family(_GAUGE, "trader_book_price_dollars", "Best prices at the venue.", ("token", "side"),
            tuple(((token, side), f"books/{token}/{side}") for token in ("yes", "no") for side in ("bid", "ask"))),
    _one(_GAUGE, "trader_reference_price_dollars", "reference/price", "Mid of the price that the window settles on."),
    _one(_GAUGE, "trader_window_left_seconds", "window/time_left_s", "Until the live window closes."),
    _Family(_GAUGE, "trader_feed_connected", "1 while the connection is open.", ("feed",),
            tuple(((feed,), f"feeds/{feed}/connected") for feed in _FEEDS)),
    _Family(_COUNTER, "trader_feed_frames", "Frames received.", ("feed",), tuple(((feed,), f"feeds/{feed}/frames") for feed in _FEEDS)),
    _Family(_COUNTER, "trader_feed_connects", "Connections that were opened.", ("feed",),
            tuple(((feed,), f"feeds/{feed}/connects") for feed in _FEEDS)),
    _Family(_COUNTER, "trader_feed_unparsable", "Frames that could not be read.", ("feed",),
            tuple(((feed,), f"feeds/{feed}/unparsable") for feed in _FEEDS)),
    _one(_COUNTER, "trader_book_mismatches", "feeds/pm-book/mismatches", "Times that the book differed from the venue's own top."),
    _one(_COUNTER, "trader_book_repairs", "feeds/pm-book/repairs", "Books fetched anew because they were not believed."),
    _one(_COUNTER, "trader_strategy_ticks", "ticks", "Of the pacer."),
    _one(_COUNTER, "trader_strategy_ticks_skipped", "ticks_skipped", "Ticks that were late by a period or more."),
    _one(_COUNTER, "trader_strategy_runs", "strategy_runs", "Ticks and early runs."),
    _one(_COUNTER, "trader_intents_published", "intents_published", "Intents put into the executor's mailbox."),
    _one(_COUNTER, "trader_intents_replaced", "intents_replaced", "Of these: overwritten before they were read."),
    _Family(_GAUGE, "trader_queue_depth", "What waits in a hand-off.", ("queue",),
            (*((("inbox",), "depths/inbox"),), *(((f"outbox.{lane}",), f"depths/outbox.{lane}") for lane in _LANES))),
)
_BY_NAME = (                             # mappings of stats whose keys depend on what happened
    (_COUNTER, "trader_orders_refused", "Orders that did not become orders, by reason.", "reason", "rejected_by_reason", 1),
    (_COUNTER, "trader_cancel_alls", "Cancel-alls by cause.", "cause", "cancel_alls", 1),
    (_COUNTER, "trader_guard_seconds", "How long each guard was in force.", "guard", "guards_ms", 1000),
    (_COUNTER, "trader_strategy_triggers", "Early runs by cause.", "cause", "triggers", 1),
)


class TraderCollector(Collector):
    def __init__(self, trader: Measured) -> None:
        self._trader = trader

    def collect(self) -> Iterator[Metric]:
        stats, health = self._trader.stats(), self._trader.health()
        yield _labelled(_GAUGE, "trader_build_info", "Version and mode; always 1.", ("version", "mode"), {(__version__, stats["mode"]): 1})
        for family in _FAMILIES:
            found = {labels: value for labels, path in family.rows if (value := _at(stats, path)) is not None}
            yield _labelled(family.kind, family.name, family.help, family.labels, found)
        for kind, name, text, label, path, divisor in _BY_NAME:
            yield _labelled(kind, name, text, (label,), {(key,): count / divisor for key, count in stats.get(path, {}).items()})
        yield from _states(stats, health)
        for leg, window in self._trader.latencies().items():
            yield _histogram(leg, window.histogram())


def metrics_text(registry: CollectorRegistry) -> bytes:
    return generate_latest(registry)


def registry_of(trader: Measured) -> CollectorRegistry:
    """Of its own: two traders in one process do not share one, nor do they touch an embedder's."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(TraderCollector(trader))
    ProcessCollector(registry=registry)      # CPU, memory and descriptors of the process; nothing where there is no /proc
    return registry


def _states(stats: Mapping[str, Any], health: Mapping[str, Any]) -> Iterator[Metric]:
    """What is one of several, or on and off: 1 and 0."""
    yield _labelled(_GAUGE, "trader_healthy", "1 while every component is well.", (), {(): health["ok"]})
    yield _labelled(_GAUGE, "trader_component_healthy", "1 while the component is well.", ("component",),
                    {(name,): verdict["ok"] for name, verdict in health["components"].items()})
    yield _labelled(_GAUGE, "trader_mode", "1 for the mode that is in force after all guards.", ("mode",),
                    {(mode.name,): stats.get("trading_mode") == mode.name for mode in Mode})
    in_force = set(stats.get("guards", ()))
    yield _labelled(_GAUGE, "trader_guard_active", "1 while the guard is in force; guards that never were are not listed.", ("guard",),
                    {(name,): name in in_force for name in sorted(in_force | stats.get("guards_ms", {}).keys())})
    yield _labelled(_COUNTER, "trader_role_cycles", "How often each thread went round; one that stands still hangs.", ("role",),
                    {(role["name"],): role["cycles"] for role in stats["roles"]})


def _labelled(kind: type[CounterMetricFamily] | type[GaugeMetricFamily], name: str, text: str, labels: tuple[str, ...],
              found: Mapping[tuple[str, ...], float]) -> Metric:
    family = kind(name, text, labels=labels)
    for values, value in found.items():
        family.add_metric(values, float(value))
    return family


def _histogram(leg: str, whole: Histogram) -> Metric:
    family = HistogramMetricFamily("trader_latency_seconds", "A leg of the path from the frame to the acknowledgement.", labels=("leg",))
    buckets, at, count = [], 0, 0
    for shown in _SHOWN:
        count += sum(whole.counts[at : shown + 1])
        at = shown + 1
        buckets.append((str(BOUNDS_NS[shown] / 1e9), float(count)))
    buckets.append(("+Inf", float(sum(whole.counts))))
    family.add_metric((leg,), buckets, whole.sum_ns / 1e9)
    return family


def _at(stats: Mapping[str, Any], path: str) -> float | None:
    found: Any = stats
    for key in path.split("/"):
        found = found.get(key) if isinstance(found, Mapping) else None
    return None if found is None else float(found)
