"""Which connection carries a new market. Pure; asked by the thread `fl-keeper`.

Room first: connections below the target are filled, the fullest first. What is left waits a moment for company; then a few
stragglers go into the space between target and limit, and more than a few open connections of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

TOKENS = 2                   # of a market; they travel together
STRAGGLERS = 50              # fewer tokens than this do not earn a connection, as long as there is another way


class Room(NamedTuple):
    """A connection that may take more. `assets`: tokens that it carries, ended ones included: the venue counts those too."""

    connection: int
    assets: int


class Placement(NamedTuple):
    into: dict[int, list[str]]           # by existing connection
    fresh: list[list[str]]               # each opens a connection
    waiting: list[str]


def place(pending: Sequence[str], rooms: Sequence[Room], *, target: int, most: int, waited: bool) -> Placement:
    """`pending` are condition ids, oldest first. `waited`: the oldest has waited long enough."""
    left = list(pending)
    into: dict[int, list[str]] = {}
    _fill(left, into, sorted(rooms, key=lambda room: -room.assets), target)
    if not left or not waited:
        return Placement(into, [], left)
    if len(left) * TOKENS < STRAGGLERS:
        taken = {room.connection: len(into.get(room.connection, ())) * TOKENS for room in rooms}
        now = [Room(room.connection, room.assets + taken[room.connection]) for room in rooms]
        _fill(left, into, sorted(now, key=lambda room: room.assets), most)
    return Placement(into, _share(left, target), [])


def _fill(left: list[str], into: dict[int, list[str]], rooms: Sequence[Room], limit: int) -> None:
    for room in rooms:
        count = min(len(left), max(0, limit - room.assets) // TOKENS)
        if count:
            into.setdefault(room.connection, []).extend(left[:count])
            del left[:count]


def _share(left: list[str], target: int) -> list[list[str]]:
    """Evenly over as few connections as the target allows."""
    if not left:
        return []
    connections = -(-len(left) * TOKENS // max(TOKENS, target // TOKENS * TOKENS))
    return [left[number::connections] for number in range(connections)]
