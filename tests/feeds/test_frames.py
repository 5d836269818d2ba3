from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trader.errors import ConnectionLost
from trader.feeds.frames import BINARY, CLOSE, CONTINUATION, MAX_MESSAGE_BYTES, PING, TEXT, FrameReader, Message
from trader.testing.fake_socket import server_frame


def read_in_pieces(data: bytes, cuts: list[int]) -> list[Message]:
    reader, messages, edges = FrameReader(), [], sorted({0, len(data), *(c % (len(data) + 1) for c in cuts)})
    for start, end in pairwise(edges):
        messages += reader.feed(data[start:end])
    return messages


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from([TEXT, BINARY, PING]), st.binary(max_size=300)), max_size=8),
       st.lists(st.integers(0), max_size=12))
def test_messages_survive_any_cut_of_the_byte_stream(sent: list[tuple[int, bytes]], cuts: list[int]) -> None:
    sent = [(opcode, payload[:125] if opcode == PING else payload) for opcode, payload in sent]
    data = b"".join(server_frame(payload, opcode) for opcode, payload in sent)
    assert read_in_pieces(data, cuts) == [Message(*each) for each in sent]


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536, 200_000])
def test_every_width_of_the_length_field_is_read(size: int) -> None:
    assert list(FrameReader().feed(server_frame(b"x" * size))) == [Message(TEXT, b"x" * size)]


def test_fragments_are_joined_and_a_ping_between_them_is_not_lost() -> None:
    data = (server_frame(b"one ", TEXT, is_last=False) + server_frame(b"?", PING) + server_frame(b"two", CONTINUATION, is_last=False)
            + server_frame(b"!", CONTINUATION) + server_frame(b"next"))
    assert list(FrameReader().feed(data)) == [Message(PING, b"?"), Message(TEXT, b"one two!"), Message(TEXT, b"next")]


@pytest.mark.parametrize(("data", "why"), [
    (b"\x81\x80\0\0\0\0", "masked"),
    (b"\x81\xff" + b"\0" * 12, "masked"),
    (b"\xc1\x00", "reserved bits"),
    (b"\x83\x00", "opcode 3"),
    (b"\x09\x00", "control frame"),
    (b"\x89\x7e\x00\x7e" + b"\0" * 126, "control frame"),
    (server_frame(b"x", CONTINUATION), "out of order"),
    (server_frame(b"x", TEXT, is_last=False) + server_frame(b"y", TEXT), "out of order"),
    (b"\x81\x7f" + (MAX_MESSAGE_BYTES + 1).to_bytes(8, "big"), "limit"),
])
def test_a_violation_of_the_protocol_ends_the_connection(data: bytes, why: str) -> None:
    with pytest.raises(ConnectionLost, match=why):
        list(FrameReader().feed(data))


def test_a_flood_of_empty_fragments_costs_no_more_than_its_bytes() -> None:
    """Quadratic work here would be minutes."""
    flood = server_frame(b"", CONTINUATION, is_last=False) * 100_000
    data = server_frame(b"a", TEXT, is_last=False) + flood + server_frame(b"b", CONTINUATION)
    assert list(FrameReader().feed(data)) == [Message(TEXT, b"ab")]


def test_a_message_in_endless_fragments_has_a_limit() -> None:
    reader, part = FrameReader(), server_frame(b"x" * (MAX_MESSAGE_BYTES // 2), CONTINUATION, is_last=False)
    assert list(reader.feed(server_frame(b"xx", TEXT, is_last=False) + part)) == []
    with pytest.raises(ConnectionLost, match="more than"):
        list(reader.feed(part))


@settings(max_examples=300)
@given(st.binary(max_size=60))
def test_any_bytes_give_messages_or_a_lost_connection(data: bytes) -> None:
    try:
        list(FrameReader().feed(data))
    except ConnectionLost as lost:
        assert lost.remedy


def test_a_close_frame_is_a_message_of_its_own() -> None:
    assert list(FrameReader().feed(server_frame(b"\x03\xe8bye", CLOSE))) == [Message(CLOSE, b"\x03\xe8bye")]


def test_what_came_before_a_violation_is_handed_out_first() -> None:
    messages = FrameReader().feed(server_frame(b"a fill") + b"\xc1\x00")
    assert next(messages) == Message(TEXT, b"a fill")
    with pytest.raises(ConnectionLost, match="reserved bits"):
        next(messages)
