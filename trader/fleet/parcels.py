"""What travels between the fleet and a worker process, as bytes. Pure; both ends use it.

    length (u32) · kind (u8) · body          length counts kind and body

A FRAMES body is one connection's frames of one receive batch for one worker; a WORD body is JSON, in either direction.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import orjson

from trader.errors import WireError

_HEAD = struct.Struct("<IB")
_BATCH = struct.Struct("<QIH")           # received_ns, connection, how many frames; then the length of each
_FRAMES, _WORD = 0, 1
MAX_BYTES = 1 << 30                      # the other end is our own program: longer is not a long message but a broken stream


class Frames(NamedTuple):
    """`received_ns`: monotonic, when the batch left the socket; one clock serves all processes of a machine."""

    connection: int
    received_ns: int
    payloads: list[bytes]


Word = dict[str, Any]
Parcel = Frames | Word


def pack_frames(connection: int, received_ns: int, payloads: Sequence[bytes]) -> bytes:
    sizes = [len(payload) for payload in payloads]
    count = len(sizes)
    length = 1 + _BATCH.size + 4 * count + sum(sizes)
    heads = _HEAD.pack(length, _FRAMES), _BATCH.pack(received_ns, connection, count), struct.pack(f"<{count}I", *sizes)
    return b"".join((*heads, *payloads))


def pack_word(word: Word) -> bytes:
    body = orjson.dumps(word)
    return _HEAD.pack(1 + len(body), _WORD) + body


class Unpacker:
    """Bytes in, as they come; whole parcels out, in order. Raises WireError on what no `pack` has written."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes | memoryview) -> Iterator[Parcel]:
        buffer = self._rest
        buffer += data
        at, size = 0, len(buffer)
        try:
            while size - at >= _HEAD.size:
                length, kind = _HEAD.unpack_from(buffer, at)
                if not 0 < length <= MAX_BYTES:
                    raise _broken(f"a length of {length}")
                if size - at - 4 < length:
                    break
                start = at + _HEAD.size
                at += 4 + length
                yield _word(bytes(buffer[start:at])) if kind == _WORD else _frames(kind, bytes(buffer[start:at]))
        finally:
            del buffer[:at]                      # also when the reader stops in the middle


def _frames(kind: int, body: bytes) -> Frames:
    if kind != _FRAMES:
        raise _broken(f"kind {kind}")
    try:
        received_ns, connection, count = _BATCH.unpack_from(body)
        sizes = struct.unpack_from(f"<{count}I", body, _BATCH.size)
    except struct.error as why:
        raise _broken(str(why)) from None
    at = _BATCH.size + 4 * count
    if at + sum(sizes) != len(body):
        raise _broken("frames that do not fill their parcel")
    payloads = []
    for size in sizes:
        payloads.append(body[at:at + size])
        at += size
    return Frames(connection, received_ns, payloads)


def _word(body: bytes) -> Word:
    try:
        word = orjson.loads(body)
    except orjson.JSONDecodeError as why:
        raise _broken(str(why)) from None
    if not isinstance(word, dict):
        raise _broken("a word that is no object")
    return word


def _broken(what: str) -> WireError:
    return WireError(f"between the fleet and a worker came {what}.", remedy="The worker is started anew; please report it.")
