"""Our reader and websocket-client's read the same bytes: the same messages, up to where one of them ends the connection.

websocket-client is the more lenient one. What it takes and we refuse is named in `STRICTER`; nothing is the other way round.
"""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
import websocket
from hypothesis import given, settings
from hypothesis import strategies as st

from trader.errors import ConnectionLost
from trader.feeds.frames import CLOSE, FrameReader, Message
from trader.testing.fake_socket import server_frame

STRICTER = ("a masked frame", "a control frame that is fragmented or too long", "bytes, limit", "a message of more than")
Read = tuple[list[Message], str]         # messages up to a close frame, and why the connection ended; empty: more bytes are needed


class ScriptedSocket:
    """As much of a socket as websocket-client needs: these bytes, then nothing."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def gettimeout(self) -> int:
        return 0

    def recv(self, size: int) -> bytes:
        piece = self._data[self._at:self._at + size]
        self._at += len(piece)
        return piece

    def send(self, data: bytes) -> int:
        return len(data)

    def close(self) -> None:
        pass


def read_by_the_library(data: bytes) -> Read:
    ws = websocket.WebSocket(skip_utf8_validation=True)
    ws.sock = ScriptedSocket(data)
    messages: list[Message] = []
    while True:
        try:
            opcode, frame = ws.recv_data_frame(control_frame=True)
        except websocket.WebSocketConnectionClosedException:
            return messages, ""
        except (websocket.WebSocketException, OverflowError, MemoryError) as why:
            return messages, repr(why)
        if opcode == CLOSE:
            return messages, "closed"
        messages.append(Message(opcode, bytes(frame.data)))


def read_by_us(data: bytes, cuts: list[int]) -> Read:
    reader, messages = FrameReader(), list[Message]()
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    try:
        for start, end in pairwise(edges):
            for message in reader.feed(data[start:end]):
                if message.opcode == CLOSE:
                    return messages, "closed"
                messages.append(message)
    except ConnectionLost as why:
        return messages, why.problem
    return messages, ""


def assert_same(data: bytes, cuts: list[int]) -> None:
    theirs, their_end = read_by_the_library(data)
    ours, our_end = read_by_us(data, cuts)
    assert ours == theirs[:len(ours)]
    if len(ours) < len(theirs) or (our_end and not their_end):
        assert any(rule in our_end for rule in STRICTER), our_end
    else:
        assert bool(our_end) == bool(their_end), (our_end, their_end)


def _frame(first: int, payload: bytes, wide: bool) -> bytes:
    """`wide`: its length in eight bytes, although fewer would do."""
    if wide:
        return bytes([first, 127]) + len(payload).to_bytes(8, "big") + payload
    return bytes([first]) + server_frame(payload)[1:]


firsts = st.one_of(st.sampled_from([0x81, 0x01, 0x00, 0x80, 0x82, 0x89, 0x8A, 0x88]), st.integers(0, 255))
any_frame = st.builds(_frame, firsts, st.binary(max_size=200), st.booleans())


@settings(deadline=None, max_examples=200)
@given(st.lists(any_frame, max_size=12), st.lists(st.integers(0), max_size=8), st.binary(max_size=4))
def test_frames_of_every_kind_in_any_order_are_read_alike(frames: list[bytes], cuts: list[int], rest: bytes) -> None:
    assert_same(b"".join(frames) + rest, cuts)


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=400), st.lists(st.integers(0), max_size=4))
def test_bytes_of_any_kind_are_read_alike(data: bytes, cuts: list[int]) -> None:
    assert_same(data, cuts)


@pytest.mark.parametrize("seed", range(3))
def test_a_long_stream_with_a_few_damaged_bytes_is_read_alike(seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(150):
        stream = bytearray(b"".join(
            _frame(dice.choice((0x81, 0x81, 0x81, 0x82, 0x89, 0x8A, 0x01, 0x80)), dice.randbytes(dice.choice((0, 5, 125, 126, 700))), False)
            for _ in range(30)))
        for _ in range(dice.randrange(4)):
            stream[dice.randrange(len(stream))] = dice.randrange(256)
        assert_same(bytes(stream), [dice.randrange(len(stream)) for _ in range(dice.randrange(20))])


def test_the_comparison_can_fail() -> None:
    """A reader that takes a text frame for a binary one is found out."""
    ours, _ = read_by_us(server_frame(b"x"), [])
    assert [message._replace(opcode=2) for message in ours] != read_by_the_library(server_frame(b"x"))[0]
