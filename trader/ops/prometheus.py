"""`/metrics` in Prometheus' text format. Runs on the status server's workers, once a scrape; fed by `metrics.py`.

What a line begins with is put together once, so that a scrape takes the interpreter from the threads that trade for well under a
millisecond.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate

from trader.ops.metrics import EDGES_S, Histogram, Instrument, Labels, Measured

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_MOST_BEGINNINGS = 10_000    # labels come and go in a fleet
_EDGES = [*(f"{edge_s:g}" for edge_s in EDGES_S), "+Inf"]


def metrics_text(measured: Measured) -> bytes:
    lines = [line for one in measured.instruments for line in _numbers(one)]
    return "\n".join([*lines, *_buckets(measured.histogram), ""]).encode()


def _numbers(one: Instrument) -> Iterator[str]:
    yield f"# HELP {one.name} {one.text}\n# TYPE {one.name} {one.kind}"
    for labels, value in one.points:
        yield _begin(one.name, labels) + repr(value)


def _buckets(one: Histogram) -> Iterator[str]:
    yield f"# HELP {one.name} {one.text}\n# TYPE {one.name} histogram"
    for labels, counts, sum_s in one.points:
        cumulated = list(accumulate(counts))
        for begin, number in zip(_spread_begins(one.name, labels), (*cumulated, cumulated[-1], sum_s), strict=True):
            yield begin + repr(number)


@lru_cache(_MOST_BEGINNINGS)
def _begin(name: str, labels: Labels) -> str:
    inside = ",".join(f'{label}="{_escaped(value)}"' for label, value in labels)
    return f"{name}{{{inside}}} " if inside else f"{name} "


@lru_cache(_MOST_BEGINNINGS)
def _spread_begins(name: str, labels: Labels) -> list[str]:
    buckets = [_begin(f"{name}_bucket", (*labels, ("le", edge))) for edge in _EDGES]
    return [*buckets, _begin(f"{name}_count", labels), _begin(f"{name}_sum", labels)]


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
