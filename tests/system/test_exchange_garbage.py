"""Clients that send nonsense: each gets an answer or the end of its connection, and nobody else notices."""

from __future__ import annotations

import json
import random
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

PATHS = ("/ws/market", "/ws/user", "/ws/btcusdt@bookTicker", "/stream?streams=", "/nowhere")
MESSAGES = ("5", "[]", "null", "[" * 5_000, "\0", b"\xff\xfe", '{"type":"market","assets_ids":5}', '{"type":"market","assets_ids":{"a":1}}',
            '{"operation":[],"assets_ids":[null,1,{}]}', '{"type":"market","custom_feature_enabled":{},"assets_ids":[[]]}',
            '{"type":"user","auth":5}', '{"type":"user","auth":{"apiKey":[1]}}', '{"type":"user","markets":7}')
REQUESTS = (b"\x16\x03\x01 no http at all\r\n\r\n", b"GET /\xff\xfe HTTP/1.1\r\n\r\n", b"GET /time?after=%B2&a=%FF HTTP/1.1\r\n\r\n",
            b"POST /order HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\nx", b"POST /order HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
            b"POST /order HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
            b"POST /books HTTP/1.1\r\nContent-Length: 3\r\n\r\n\xff\xfe\xfd",
            b"GET /data/orders HTTP/1.1\r\nPOLY_TIMESTAMP: " + b"9" * 5_000 + b"\r\n\r\n")


@pytest.fixture
def exchange(tmp_path):
    """(the line that it printed, its process, the file with all that it complained of)."""
    complaints = tmp_path / "stderr"
    with complaints.open("w") as stderr:
        child = subprocess.Popen([sys.executable, "-m", "trader", "exchange"], stdout=subprocess.PIPE, stderr=stderr, text=True)
    yield json.loads(child.stdout.readline()), child, complaints
    if child.poll() is None:
        child.kill()
    child.wait()
    child.stdout.close()


def said_over(url, data):
    where = urlsplit(url)
    with socket.create_connection((where.hostname, where.port), timeout=5) as plain:
        plain.sendall(data)
        plain.shutdown(socket.SHUT_WR)
        with suppress(ConnectionResetError):
            return plain.recv(4_096)
    return b""


def test_nonsense_is_answered_or_cut_off_and_leaves_no_trace_in_the_log(exchange):
    urls, child, complaints = exchange
    noise = random.Random(1)
    for request in REQUESTS:
        assert not said_over(urls["rest_url"], request).startswith(b"HTTP/1.1 500")
    for _ in range(30):
        said_over(urls["rest_url"], noise.randbytes(200))
        said_over(urls["ws_url"], noise.randbytes(200))
    for path in PATHS:
        for message in MESSAGES:
            with suppress(ConnectionClosed, TimeoutError), connect(urls["ws_url"] + path, close_timeout=0.2) as stream:
                stream.send(message)
                stream.recv(timeout=0.05)
    with connect(f"{urls['ws_url']}/ws/market") as stream:
        stream.send("PING")
        assert stream.recv(timeout=5) == "PONG"
    assert httpx.get(f"{urls['rest_url']}/control/state").json()["conserved"] is True
    child.send_signal(signal.SIGTERM)
    assert child.wait(5) == 0 and complaints.read_text() == ""


def test_a_body_that_no_client_needs_is_refused_unread(exchange):
    urls, _, _ = exchange
    assert httpx.post(f"{urls['rest_url']}/orders", content=b"x" * 2**21).status_code == 413
