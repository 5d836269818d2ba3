"""What there is to measure: every instrument of a desk and of a fleet with its value now. `prometheus.py` and `otel.py` write it down.

Runs on the threads that ask: a worker of the status server, once a scrape, and `otel`, once a push. `stats()`, `health()` and the
histograms are where the numbers come from; the tables below say what each is called. Names follow Prometheus' rules: base units
(seconds, dollars), the unit last, `_total` for what only rises.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from itertools import accumulate, groupby, pairwise
from typing import Any, Literal, NamedTuple

from trader import __version__
from trader.fleet.samples import HELP, samples
from trader.model.intent import Mode
from trader.runtime.latency import BOUNDS_NS, LatencyWindow

_SHOWN = [index for index, bound_ns in enumerate(BOUNDS_NS)          # 1, 2 and 5 of each decade, from 10 µs to 5 s
          if str(bound_ns).rstrip("0") in ("1", "2", "5") and 10**4 <= bound_ns <= 5 * 10**9]
EDGES_S = tuple(BOUNDS_NS[shown] / 1e9 for shown in _SHOWN)          # inclusive upper ends of the buckets of every histogram

Labels = tuple[tuple[str, str], ...]


class Point(NamedTuple):
    labels: Labels
    value: float


class Spread(NamedTuple):
    """A histogram since the start. `counts[i]` are the samples up to `EDGES_S[i]` and above the edge before; the last: above all."""

    labels: Labels
    counts: tuple[int, ...]
    sum: float


class Instrument(NamedTuple):
    """What is not known now has no point."""

    kind: Literal["gauge", "counter"]
    name: str
    text: str
    points: list[Point]


class Histogram(NamedTuple):
    name: str
    text: str
    points: list[Spread]


class Measured(NamedTuple):
    instruments: list[Instrument]
    histogram: Histogram


class _Family(NamedTuple):
    """`rows`: the labels of a point, and where its number is in `stats()`. A path that leads nowhere has no point."""

    kind: Literal["gauge", "counter"]
    name: str
    text: str
    rows: tuple[tuple[Labels, tuple[str, ...]], ...]


def _family(kind: Literal["gauge", "counter"], name: str, text: str, labels: tuple[str, ...],
            rows: tuple[tuple[tuple[str, ...], str], ...]) -> _Family:
    return _Family(kind, name, text, tuple(
        (tuple(zip(labels, values, strict=True)), tuple(path.split("/"))) for values, path in rows))


def _one(kind: Literal["gauge", "counter"], name: str, path: str, text: str) -> _Family:
    return _family(kind, name, text, (), (((), path),))


_OUTCOMES = ("placed", "acked", "rejected", "unknown", "cancelled", "filled", "foreign")
_FEEDS = ("pm-book", "pm-user", "bn-ticker")
_LANES = ("cancel_all", "cancel", "place", "read")
_FAMILIES: tuple[_Family, ...] = (
    _one("gauge", "trader_uptime_seconds", "seconds", "Since the roles were started."),
    _family("counter", "trader_orders_total", "Orders by what became of them.", ("outcome",),
            tuple(((outcome,), f"orders_{outcome}") for outcome in _OUTCOMES)),
    _one("gauge", "trader_orders_open", "open_orders_at_exit", "Orders that may be live."),
    _one("counter", "trader_cancel_requests_total", "cancel_requests", "Cancels by id that were sent."),
    _one("counter", "trader_windows_total", "windows", "Windows taken up."),
    _one("counter", "trader_fills_total", "fills", "Trades of ours, one for each order that took part."),
    _one("counter", "trader_fills_failed_total", "fills_failed", "Of these: settlement failed, the trade was undone."),
    _one("counter", "trader_fills_foreign_total", "fills_foreign", "Fills of orders that this run did not place."),
    _one("counter", "trader_corrections_total", "corrections", "Times that the venue's balances replaced ours."),
    _one("counter", "trader_volume_dollars_total", "volume_usd", "Traded."),
    _one("counter", "trader_fees_dollars_total", "fees_usd", "Paid."),
    _family("gauge", "trader_pnl_dollars", "Profit and loss since the start; of kind today: since the UTC day began.", ("kind",),
            tuple(((kind,), f"pnl_{kind}_usd") for kind in ("settled", "marked", "today"))),
    _one("gauge", "trader_cash_dollars", "cash_usd", "Free collateral by our own books."),
    _family("gauge", "trader_inventory_shares", "Shares held of the live window.", ("token", "state"), (
        (("yes", "effective"), "inventory/yes"), (("no", "effective"), "inventory/no"),
        (("yes", "settled"), "inventory/yes_settled"), (("no", "settled"), "inventory/no_settled"))),
    _one("gauge", "trader_fair_price_dollars", "fair", "What the strategy thinks a share of YES is worth."),
    _family("gauge", "trader_book_price_dollars", "Best prices at the venue.", ("token", "side"),
            tuple(((token, side), f"books/{token}/{side}") for token in ("yes", "no") for side in ("bid", "ask"))),
    _one("gauge", "trader_reference_price_dollars", "reference/price", "Mid of the price that the window settles on."),
    _one("gauge", "trader_window_left_seconds", "window/time_left_s", "Until the live window closes."),
    _family("gauge", "trader_feed_connected", "1 while the connection is open.", ("feed",),
            tuple(((feed,), f"feeds/{feed}/connected") for feed in _FEEDS)),
    _family("counter", "trader_feed_frames_total", "Frames received.", ("feed",),
            tuple(((feed,), f"feeds/{feed}/frames") for feed in _FEEDS)),
    _family("counter", "trader_feed_connects_total", "Connections that were opened.", ("feed",),
            tuple(((feed,), f"feeds/{feed}/connects") for feed in _FEEDS)),
    _family("counter", "trader_feed_unparsable_total", "Frames that could not be read.", ("feed",),
            tuple(((feed,), f"feeds/{feed}/unparsable") for feed in _FEEDS)),
    _one("counter", "trader_book_mismatches_total", "feeds/pm-book/mismatches", "Times that the book differed from the venue's own top."),
    _one("counter", "trader_book_repairs_total", "feeds/pm-book/repairs", "Books fetched anew because they were not believed."),
    _one("counter", "trader_strategy_ticks_total", "ticks", "Of the pacer."),
    _one("counter", "trader_strategy_ticks_skipped_total", "ticks_skipped", "Ticks that were late by a period or more."),
    _one("counter", "trader_strategy_runs_total", "strategy_runs", "Ticks and early runs."),
    _one("counter", "trader_intents_published_total", "intents_published", "Intents put into the executor's mailbox."),
    _one("counter", "trader_intents_replaced_total", "intents_replaced", "Of these: overwritten before they were read."),
    _family("gauge", "trader_queue_depth", "What waits in a hand-off.", ("queue",),
            (*((("inbox",), "depths/inbox"),), *(((f"outbox.{lane}",), f"depths/outbox.{lane}") for lane in _LANES))),
)
_BY_NAME = (                             # mappings of stats whose keys depend on what happened
    ("trader_orders_refused_total", "Orders that did not become orders, by reason.", "reason", "rejected_by_reason", 1),
    ("trader_cancel_alls_total", "Cancel-alls by cause.", "cause", "cancel_alls", 1),
    ("trader_guard_seconds_total", "How long each guard was in force.", "guard", "guards_ms", 1000),
    ("trader_strategy_triggers_total", "Early runs by cause.", "cause", "triggers", 1),
)
_LEGS = ("trader_latency_seconds", "A leg of the path from the frame to the acknowledgement.")


def measured(stats: Mapping[str, Any], health: Mapping[str, Any], latencies: Mapping[str, LatencyWindow]) -> Measured:
    legs = [_spread(leg, window) for leg, window in latencies.items()]
    return Measured([*_told(stats), *_states(stats, health), *_process(stats), *_fleet(stats)], Histogram(*_LEGS, legs))


def _told(stats: Mapping[str, Any]) -> Iterator[Instrument]:
    build = (("version", __version__), ("mode", stats["mode"]))
    yield Instrument("gauge", "trader_build_info", "Version and mode; always 1.", [Point(build, 1.0)])
    for kind, name, text, rows in _FAMILIES:
        yield Instrument(kind, name, text, [
            Point(labels, float(value)) for labels, path in rows for value in [_at(stats, path)] if value is not None])
    for name, text, label, key, divisor in _BY_NAME:
        yield _by_label("counter", name, text, label, {one: count / divisor for one, count in stats.get(key, {}).items()})


def _states(stats: Mapping[str, Any], health: Mapping[str, Any]) -> Iterator[Instrument]:
    """What is one of several, or on and off: 1 and 0."""
    yield Instrument("gauge", "trader_healthy", "1 while every component is well.", [Point((), float(health["ok"]))])
    verdicts = {name: verdict["ok"] for name, verdict in health["components"].items()}
    yield _by_label("gauge", "trader_component_healthy", "1 while the component is well.", "component", verdicts)
    modes = {mode.name: stats.get("trading_mode") == mode.name for mode in Mode}
    yield _by_label("gauge", "trader_mode", "1 for the mode that is in force after all guards.", "mode", modes)
    in_force = set(stats.get("guards", ()))
    guards = {name: name in in_force for name in sorted(in_force | stats.get("guards_ms", {}).keys())}
    yield _by_label("gauge", "trader_guard_active", "1 while the guard is in force; not listed: never was.", "guard", guards)
    cycles = {role["name"]: role["cycles"] for role in stats["roles"]}
    yield _by_label("counter", "trader_role_cycles_total", "How often each thread went round; one that stands still hangs.", "role", cycles)


def _by_label(kind: Literal["gauge", "counter"], name: str, text: str, label: str, values: Mapping[str, float]) -> Instrument:
    return Instrument(kind, name, text, [Point(((label, one),), float(value)) for one, value in values.items()])


def _spread(leg: str, window: LatencyWindow) -> Spread:
    whole = window.histogram()
    up_to = list(accumulate(whole.counts))
    at_edges = [0, *(up_to[shown] for shown in _SHOWN), up_to[-1]]
    return Spread((("leg", leg),), tuple(after - before for before, after in pairwise(at_edges)), whole.sum_ns / 1e9)


def _process(stats: Mapping[str, Any]) -> Iterator[Instrument]:
    """Under the names that every Prometheus client uses."""
    used = os.times()
    yield Instrument("counter", "process_cpu_seconds_total", "Processor time of the process, all threads.",
                     [Point((), used.user + used.system)])
    resident_mb = _at(stats, ("process", "resident_mb"))
    if resident_mb is not None:
        yield Instrument("gauge", "process_resident_memory_bytes", "Memory that the process holds.", [Point((), resident_mb * 1e6)])


def _fleet(stats: Mapping[str, Any]) -> Iterator[Instrument]:
    for name, family in groupby(samples(stats["fleet"]) if stats.get("fleet") else (), lambda sample: sample.name):
        yield Instrument("counter" if name.endswith("_total") else "gauge", name, HELP[name],
                         [Point(tuple(sample.labels.items()), float(sample.value)) for sample in family])


def _at(stats: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    found: Any = stats
    for key in path:
        if not isinstance(found, dict):
            return None
        found = found.get(key)
    return found
