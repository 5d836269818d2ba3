"""The reader of answers, against answers that were made, cut into pieces, damaged, and read by h11 beside it."""

from __future__ import annotations

from itertools import pairwise

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trader.gateway.http1 import MAX_BODY_BYTES, MAX_HEAD_BYTES, AnswerReader, BadAnswer, request_head

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def read(data, method=b"POST"):
    return AnswerReader(method).read(data)


@st.composite
def answers(draw):
    """(bytes on the wire, status, body) of a proper answer, its body framed one way or the other."""
    status, body = draw(st.sampled_from([200, 201, 400, 425, 429, 503])), draw(st.binary(max_size=300))
    names = st.from_regex(r"X-[A-Za-z]{1,8}", fullmatch=True)
    fields = draw(st.lists(st.tuples(names, st.from_regex(r"[!-~][ -~]{0,10}[!-~]", fullmatch=True)), max_size=5))
    lines = [f"HTTP/1.1 {status} Because", *(f"{name}: {value}" for name, value in fields)]
    if draw(st.booleans()):
        framed = b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    else:
        cuts = sorted({0, len(body), *draw(st.lists(st.integers(0, len(body)), max_size=4))})
        chunks = [body[start:end] for start, end in pairwise(cuts)]
        framed = b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(b"%x\r\n%b\r\n" % (len(c), c) for c in chunks) + b"0\r\n\r\n"
    return "\r\n".join(lines).encode() + b"\r\n" + framed, status, body


def in_pieces(reader, data, cuts):
    """All pieces but the last must leave the answer unfinished."""
    places = sorted({0, len(data), *(cut for cut in cuts if 0 < cut < len(data))})
    said = [reader.read(data[start:end]) for start, end in pairwise(places)]
    assert all(answer is None for answer in said[:-1])
    return said[-1]


@given(answers(), st.lists(st.integers(0, 600), max_size=8))
def test_an_answer_is_read_the_same_in_pieces_of_any_size(made, cuts):
    data, status, body = made
    answer = in_pieces(AnswerReader(b"POST"), data, cuts)
    assert (answer.status, answer.body, answer.keeps_open) == (status, body, True)


@given(answers())
def test_one_byte_at_a_time_is_enough_and_never_one_too_few(made):
    data, status, body = made
    assert in_pieces(AnswerReader(b"POST"), data, range(len(data)))[::2] == (status, body)


def by_h11(data):
    """(status, body) as h11 reads it; None while it wants more; raises its RemoteProtocolError."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="POST", target="/", headers=[("Host", "x"), ("Content-Length", "0")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(data)
    status, body = None, b""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA or event is h11.PAUSED or isinstance(event, h11.ConnectionClosed):
            return None
        if isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            return status, body


@settings(max_examples=300)
@given(answers(), st.lists(st.tuples(st.integers(0, 600), st.binary(max_size=3)), min_size=1, max_size=3))
def test_a_damaged_answer_is_refused_or_read_as_h11_reads_it(made, damages):
    """Never another end of the body than another strict reader sees: what follows would answer the next order."""
    data = bytearray(made[0])
    for place, bytes_ in damages:
        data[place:place + len(bytes_)] = bytes_
    try:
        answer = read(bytes(data))
    except BadAnswer:
        return
    if answer is not None:
        assert by_h11(bytes(data)) == (answer.status, answer.body)


@given(st.binary(max_size=400))
def test_random_bytes_never_do_more_than_be_refused(data):
    reader = AnswerReader(b"GET")
    try:
        answer = reader.read(data) or reader.closed()
    except BadAnswer:
        return
    assert answer.body in data


@pytest.mark.parametrize("head", [
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2, 3", b"HTTP/1.1 200 OK\r\nContent-Length: +2", b"HTTP/1.1 200 OK\r\nContent-Length: 0x2",
    b"HTTP/1.1 200 OK\r\nContent-Length: -1", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked", b"HTTP/1.1 200 OK\r\nContent-Length : 2",
    b"HTTP/1.1 200 OK\r\n folded: 2", b"HTTP/1.1 200 OK\r\nno colon", b"HTTP/2 200 OK", b"HTTP/1.1 20 OK", b"HTTP/1.1 0200 OK",
    b"HTTP/1.1 200 O\0K", b"ICY 200 OK", b"", b"HTTP/1.1 101 Switching Protocols",
    b"HTTP/1.1 200 OK\r\nContent-Length: %d" % (MAX_BODY_BYTES + 1), b"HTTP/1.1 200 OK" + b"\r\nA: b" * 101,
    b"HTTP/1.1 200 OK\nContent-Length: 2",
])
def test_what_two_readers_might_understand_differently_is_refused(head):
    with pytest.raises(BadAnswer):
        read(head + b"\r\n\r\n{}")


@pytest.mark.parametrize("chunks", [
    b"2\r\n{}x\r\n0\r\n\r\n", b"2 x\r\n{}\r\n0\r\n\r\n", b"-1\r\n", b"g\r\n", b"\r\n", b"1" * 300, b"fffffff\r\n",
])
def test_a_chunk_that_is_not_one_is_refused(chunks):
    with pytest.raises(BadAnswer):
        read(CHUNKED + chunks)


def test_limits_hold_while_nothing_is_whole_yet():
    with pytest.raises(BadAnswer, match="head"):
        read(b"HTTP/1.1 200 OK\r\nA: " + b"a" * MAX_HEAD_BYTES)
    with pytest.raises(BadAnswer, match="trailers"):
        read(CHUNKED + b"0\r\nA: " + b"a" * MAX_HEAD_BYTES)
    with pytest.raises(BadAnswer, match="body"):
        read(b"HTTP/1.1 200 OK\r\n\r\n" + b"a" * (MAX_BODY_BYTES + 1))


def test_trailers_and_extensions_of_chunks_are_read_over():
    assert read(CHUNKED + b"2;a=b\r\n{}\r\n0\r\nExpires: never\r\n\r\n").body == b"{}"


def test_interim_answers_are_read_over_and_not_without_end():
    assert read(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK).status == 200
    with pytest.raises(BadAnswer, match="100"):
        read(b"HTTP/1.1 100 Continue\r\n\r\n" * 9)


@pytest.mark.parametrize(("data", "method", "keeps_open"), [
    (OK, b"POST", True), (OK + b"HTTP", b"POST", False), (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", b"POST", False),
    (b"HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 0\r\n\r\n", b"POST", False),
    (b"HTTP/1.1 200 OK\r\nConnection: keep-alive, close\r\nContent-Length: 0\r\n\r\n", b"POST", False),
    (b"HTTP/1.1 204 No Content\r\n\r\n", b"POST", True), (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", b"HEAD", True),
    (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", b"GET", True),
])
def test_a_connection_is_used_again_only_after_a_whole_answer_that_does_not_say_close(data, method, keeps_open):
    assert read(data, method).keeps_open is keeps_open


def test_without_a_length_the_end_of_the_connection_is_the_end_of_the_answer():
    reader = AnswerReader(b"GET")
    assert reader.read(b"HTTP/1.1 200 OK\r\n\r\nhal") is None and reader.read(b"lo") is None
    assert reader.closed()[::2] == (200, b"hallo") and not reader.closed().keeps_open


@pytest.mark.parametrize(("data", "said"), [
    (b"", "without an answer"), (OK[:-1], "in the middle"), (OK[:9], "in the middle"), (CHUNKED + b"2\r\n{}\r\n", "in the middle"),
])
def test_a_connection_that_ends_too_early_cuts_the_answer_off(data, said):
    reader = AnswerReader(b"POST")
    assert reader.read(data) is None
    with pytest.raises(BadAnswer, match=said):
        reader.closed()


def test_a_request_is_its_line_and_its_headers():
    assert request_head(b"POST", b"/order?a=b", [(b"Host", b"x"), (b"A", b"1")]) == b"POST /order?a=b HTTP/1.1\r\nHost: x\r\nA: 1\r\n\r\n"


@pytest.mark.parametrize("bad", [b"a\r\nX: y", b"a\n", b"a\0", b"\r"])
def test_a_header_that_would_end_its_line_is_refused(bad):
    with pytest.raises(ValueError, match="line break"):
        request_head(b"GET", b"/", [(b"POLY_PASSPHRASE", bad)])
