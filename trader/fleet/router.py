"""Frames of one connection → parcels for the workers. Pure but for the links; owned by that connection's thread.

A frame that a worker has no room for is not simply gone: its market is dirty from then on, nothing of it is handed on until there
is room again, and then the worker is told to forget its books, in line with the frames, and they are fetched anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from trader.fleet.links import WorkerLink
from trader.fleet.parcels import pack_frames
from trader.runtime.clock import Clock
from trader.runtime.latency import LatencyWindow
from trader.venues.contract import PoolStream

FLUSH_FRAMES = 64                        # routed between two flushes: a flood does not hold back its first frames
FLUSH_BYTES = 128 * 1024
REFETCH_TOKENS = 100                     # at once: their snapshots must not be the next overload


class Carried(NamedTuple):
    """One market on this connection: its tokens as the wire names them, and the worker that keeps its books."""

    worker: int
    tokens: tuple[bytes, ...]


class Router:
    """Counters are written by the connection's thread and read by any."""

    def __init__(self, connection: int, stream: PoolStream, links: Sequence[WorkerLink], clock: Clock) -> None:
        self._connection, self._stream, self._links, self._clock = connection, stream, links, clock
        self._carried: dict[bytes, Carried] = {}
        self._dirty: dict[bytes, None] = {}
        self._parcels: dict[int, list[bytes]] = {}
        self._about: dict[int, list[bytes]] = {}         # the token of each frame in a parcel
        self._frames = self._bytes = 0                   # since the last flush
        self.latency = LatencyWindow(1024)               # batch left the socket → all of it handed on
        self.routed = self.dropped = self.foreign = self.refetched = self.batches = self.latency_ns = 0

    @property
    def tokens(self) -> list[str]:
        return [token.decode() for token in tuple(self._carried)]

    @property
    def dirty(self) -> int:
        return len(self._dirty)

    def carry(self, worker: int, tokens: Iterable[str]) -> None:
        market = Carried(worker, tuple(token.encode() for token in tokens))
        self._carried.update(dict.fromkeys(market.tokens, market))

    def leave(self, tokens: Iterable[str]) -> list[str]:
        """Of these, the ones that were carried."""
        gone = [token for token in tokens if self._carried.pop(token.encode(), None) is not None]
        for token in gone:
            self._dirty.pop(token.encode(), None)
        return gone

    def route(self, frames: Sequence[bytes], received_ns: int) -> list[bytes]:
        """Hands on what concerns books. Returns the frames that concern none. Raises WireError, with the rest not routed."""
        others = []
        try:
            for frame in frames:
                pieces = self._stream.split(frame)
                if not pieces:
                    others.append(frame)
                for token, piece in pieces:
                    self._put(token, piece, received_ns)
        finally:
            self._flush(received_ns)
        latency_ns = self._clock.monotonic_ns() - received_ns
        self.latency.add(latency_ns)
        self.latency_ns += latency_ns
        self.batches += 1
        return others

    def _put(self, token: bytes, piece: bytes, received_ns: int) -> None:
        market = self._carried.get(token)
        if market is None:
            self.foreign += 1
            return
        if token in self._dirty:
            self.dropped += 1
            return
        self._parcels.setdefault(market.worker, []).append(piece)
        self._about.setdefault(market.worker, []).append(token)
        self._frames += 1
        self._bytes += len(piece)
        if self._frames >= FLUSH_FRAMES or self._bytes >= FLUSH_BYTES:
            self._flush(received_ns)

    def _flush(self, received_ns: int) -> None:
        for worker, pieces in self._parcels.items():
            if self._links[worker].offer(pack_frames(self._connection, received_ns, pieces)):
                self.routed += len(pieces)
            else:
                self.dropped += len(pieces)
                self._soil(self._about[worker])
        self._parcels, self._about = {}, {}
        self._frames = self._bytes = 0

    def _soil(self, tokens: Iterable[bytes]) -> None:
        """Both tokens of each market: one frame may change both books."""
        for token in tokens:
            market = self._carried.get(token)
            if market is not None:
                self._dirty.update(dict.fromkeys(market.tokens))

    def doubt(self, tokens: Iterable[str]) -> None:
        self._soil(token.encode() for token in tokens)

    def doubt_worker(self, worker: int) -> None:
        self._dirty.update((token, None) for token, market in self._carried.items() if market.worker == worker)

    def doubt_all(self) -> None:
        self._dirty.update(dict.fromkeys(self._carried))

    def take_refetch(self) -> list[str]:
        """Dirty tokens whose worker has room, and has been told to forget them: subscribe them anew, now."""
        chosen: dict[int, list[str]] = {}
        for token in self._dirty:
            worker = self._carried[token].worker
            if self._links[worker].has_room:
                chosen.setdefault(worker, []).append(token.decode())
            if sum(map(len, chosen.values())) >= REFETCH_TOKENS:
                break
        refetch: list[str] = []
        for worker, tokens in chosen.items():
            if self._links[worker].tell({"do": "forget", "conn": self._connection, "tokens": tokens}):
                refetch += tokens
        for text in refetch:
            del self._dirty[text.encode()]
        self.refetched += len(refetch)
        return refetch

    def line_lost(self) -> None:
        """Every book starts anew with the next line."""
        self._dirty.clear()
        for link in self._links:
            link.tell({"do": "lost", "conn": self._connection})
