"""What the keeper is told, by whom. Immutable; crosses threads through one queue, in the order in which it was put."""

from __future__ import annotations

from typing import NamedTuple

from trader.venues.contract import ListedMarket


class Discovered(NamedTuple):
    """By lifecycle: markets that fit, known ones among them."""

    markets: tuple[ListedMarket, ...]


class ScanDone(NamedTuple):
    """By lifecycle: one listing was read to its end. Condition ids of everything in it."""

    seen: frozenset[str]
    began_ns: int


class Resolved(NamedTuple):
    """By a connection: the venue says that this market is over."""

    condition_id: str


class Owned(NamedTuple):
    """By a worker: (connection, token) pairs whose first snapshot came, or which have moved to that connection."""

    pairs: tuple[tuple[int, str], ...]


class Doubted(NamedTuple):
    """By a worker: (connection, token) pairs of which a new snapshot is needed."""

    pairs: tuple[tuple[int, str], ...]


class LineLost(NamedTuple):
    """By a connection: it has lost its line, and dials again."""

    connection: int


class WorkerBorn(NamedTuple):
    """By the crew: a worker was started again and knows nothing."""

    worker: int


class RecycleNow(NamedTuple):
    """By an operator: replace this connection; None: the oldest one."""

    connection: int | None


Letter = Discovered | ScanDone | Resolved | Owned | Doubted | LineLost | WorkerBorn | RecycleNow
