"""HTTP/1.1 of one request and its answer, bytes only. Pure: no socket, no clock; used by `transport` on a gateway thread.

Strict where laxness would let two readers disagree about where an answer ends (RFC 9112 §6.3), because what is left over would
be taken for the answer to the next order. Whatever is not understood raises `BadAnswer`, and the connection is not used again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum, auto
from typing import NamedTuple

MAX_HEAD_BYTES = 32 * 1024
MAX_BODY_BYTES = 16 * 1024 * 1024        # a page of a listing has some hundred kilobytes
MAX_HEADERS = 100
MAX_INTERIM = 8                          # 1xx answers before the real one
_MAX_CHUNK_LINE = 256
_END = b"\r\n\r\n"
_TEXT = rb"[\t\x20-\x7e\x80-\xff]*"     # no other control character has a meaning in HTTP
_STATUS = re.compile(rb"HTTP/1\.([01]) ([1-9]\d\d)(?: " + _TEXT + rb")?")
_FIELD = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):(" + _TEXT + rb")")
_DIGITS = re.compile(rb"\d{1,18}")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;" + _TEXT + rb")?")
_NEWLINES = re.compile(rb"[\r\n\0]")

Header = tuple[bytes, bytes]


class BadAnswer(Exception):
    """The server did not speak HTTP/1.1, or more of it than we take. The request may have been carried out."""


class Answer(NamedTuple):
    status: int
    headers: list[Header]
    body: bytes
    keeps_open: bool             # the connection may carry another request


class _Framing(Enum):
    LENGTH = auto()
    CHUNKED = auto()
    UNTIL_CLOSE = auto()


class _Head(NamedTuple):
    status: int
    headers: list[Header]
    framing: _Framing
    length: int                  # of the body, when it says so
    keeps_open: bool


def request_head(method: bytes, target: bytes, headers: Iterable[Header]) -> bytes:
    """Everything before the body. Refuses a value that would end its line: it could smuggle a second request."""
    lines = [b"%b %b HTTP/1.1" % (method, target), *(b"%b: %b" % header for header in headers)]
    if _NEWLINES.search(b"".join(lines)):
        raise ValueError("a header of the request holds a line break. Check polymarket.api_key and polymarket.passphrase.")
    return b"\r\n".join(lines) + _END


class AnswerReader:
    """Reads one answer from pieces of any size. `read` returns None until it is whole."""

    def __init__(self, method: bytes) -> None:
        self._bodiless = method == b"HEAD"
        self._data = bytearray()
        self._head: _Head | None = None
        self._chunks: list[bytes] = []
        self._chunked_bytes = self._interim = 0

    @property
    def started(self) -> bool:
        return bool(self._data) or self._head is not None

    def read(self, piece: bytes | memoryview) -> Answer | None:
        self._data += piece
        while self._head is None:
            if not self._read_head():
                return None
        return self._read_body(self._head)

    def closed(self) -> Answer:
        """The server closed. That ends an answer which says no length, and cuts off any other."""
        if self._head is None or self._head.framing is not _Framing.UNTIL_CLOSE:
            raise BadAnswer("the server closed the connection in the middle of its answer" if self.started
                            else "the server closed the connection without an answer")
        return Answer(self._head.status, self._head.headers, bytes(self._data), False)

    def _read_head(self) -> bool:
        """True when a head was taken; an interim one leaves `_head` empty."""
        end = self._data.find(_END, 0, MAX_HEAD_BYTES + len(_END))
        if end < 0:
            if len(self._data) > MAX_HEAD_BYTES:
                raise BadAnswer(f"the head of the answer is longer than {MAX_HEAD_BYTES} bytes")
            return False
        head = _parse_head(bytes(self._data[:end]), self._bodiless)
        del self._data[:end + len(_END)]
        if head.status >= 200:
            self._head = head
        else:
            self._interim += 1
            if self._interim > MAX_INTERIM or head.status == 101:
                raise BadAnswer(f"status {head.status} is not the answer to an ordinary request")
        return True

    def _read_body(self, head: _Head) -> Answer | None:
        if head.framing is _Framing.CHUNKED:
            return self._read_chunks(head)
        if len(self._data) > MAX_BODY_BYTES:
            raise BadAnswer(f"the body of the answer is longer than {MAX_BODY_BYTES} bytes")
        if head.framing is _Framing.UNTIL_CLOSE or len(self._data) < head.length:
            return None
        return self._whole(head, bytes(self._data[:head.length]), used=head.length)

    def _read_chunks(self, head: _Head) -> Answer | None:
        while True:
            line_end = self._data.find(b"\r\n", 0, _MAX_CHUNK_LINE)
            if line_end < 0:
                if len(self._data) >= _MAX_CHUNK_LINE:
                    raise BadAnswer("the size line of a chunk does not end")
                return None
            line = _CHUNK.fullmatch(self._data[:line_end])
            if line is None:
                raise BadAnswer(f"not the size of a chunk: {bytes(self._data[:line_end])!r}")
            size = int(line[1], 16)
            if size == 0:
                return self._read_trailers(head, line_end)
            if not self._take_chunk(line_end + 2, size):
                return None

    def _take_chunk(self, start: int, size: int) -> bool:
        if self._chunked_bytes + size > MAX_BODY_BYTES:
            raise BadAnswer(f"the body of the answer is longer than {MAX_BODY_BYTES} bytes")
        end = start + size
        if len(self._data) < end + 2:
            return False
        if self._data[end:end + 2] != b"\r\n":
            raise BadAnswer("a chunk is longer than it says")
        self._chunks.append(bytes(self._data[start:end]))
        self._chunked_bytes += size
        del self._data[:end + 2]
        return True

    def _read_trailers(self, head: _Head, line_end: int) -> Answer | None:
        """Trailers are read over: nothing that we use may come so late."""
        end = self._data.find(_END, line_end)
        if end < 0:
            if len(self._data) > MAX_HEAD_BYTES:
                raise BadAnswer("the trailers of the answer do not end")
            return None
        return self._whole(head, b"".join(self._chunks), used=end + len(_END))

    def _whole(self, head: _Head, body: bytes, used: int) -> Answer:
        """Bytes beyond the answer belong to nothing that was asked: such a connection is not used again."""
        return Answer(head.status, head.headers, body, head.keeps_open and len(self._data) == used)


def _parse_head(text: bytes, bodiless: bool) -> _Head:
    first, *lines = text.split(b"\r\n")
    status_line = _STATUS.fullmatch(first)
    if status_line is None:
        raise BadAnswer(f"not a status line: {first[:80]!r}")
    if len(lines) > MAX_HEADERS:
        raise BadAnswer(f"the answer has {len(lines)} headers, at most {MAX_HEADERS} are read")
    headers: list[Header] = []
    tokens: dict[bytes, list[bytes]] = {b"connection": [], b"content-length": [], b"transfer-encoding": []}
    for line in lines:
        field = _FIELD.fullmatch(line)
        if field is None:
            raise BadAnswer(f"not a header: {line[:80]!r}")
        name, value = field[1], field[2].strip(b" \t")
        headers.append((name, value))
        if (said := tokens.get(name.lower())) is not None:
            said += [token.strip().lower() for token in value.split(b",")]
    status = int(status_line[2])
    framing, length = _framing(status, tokens[b"transfer-encoding"], set(tokens[b"content-length"]), bodiless)
    keeps_open = status_line[1] == b"1" and framing is not _Framing.UNTIL_CLOSE and b"close" not in tokens[b"connection"]
    return _Head(status, headers, framing, length, keeps_open)


def _framing(status: int, codings: list[bytes], lengths: set[bytes], bodiless: bool) -> tuple[_Framing, int]:
    """How the body ends (RFC 9112 §6.3), and its length when that is said."""
    if codings and lengths:
        raise BadAnswer("the answer has both a length and a transfer encoding")
    if codings and codings != [b"chunked"]:
        raise BadAnswer(f"transfer encoding {b', '.join(codings)!r} is not read, only chunked")
    if len(lengths) > 1 or not all(_DIGITS.fullmatch(each) for each in lengths):
        raise BadAnswer(f"not one length of the body: {b', '.join(sorted(lengths))!r}")
    if bodiless or status < 200 or status in (204, 304):
        return _Framing.LENGTH, 0
    if codings:
        return _Framing.CHUNKED, 0
    if not lengths:
        return _Framing.UNTIL_CLOSE, 0
    length = int(lengths.pop())
    if length > MAX_BODY_BYTES:
        raise BadAnswer(f"the body of the answer has {length} bytes, at most {MAX_BODY_BYTES} are read")
    return _Framing.LENGTH, length
