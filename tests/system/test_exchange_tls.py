"""`trader exchange --tls`: the same exchange behind HTTPS and WSS, for clients that speak nothing else."""

from __future__ import annotations

import json
import socket
import ssl
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from trader.exchange.keys import funded_keys
from trader.testing.exchange_process import running_exchange


@pytest.fixture(scope="module")
def ca_file(tmp_path_factory):
    return tmp_path_factory.mktemp("authority") / "ca.pem"


@pytest.fixture(scope="module")
def exchange(ca_file):
    with running_exchange(speed=72, tls=ca_file) as running:
        yield running


@pytest.fixture(scope="module")
def trust(exchange, ca_file):
    return ssl.create_default_context(cafile=ca_file)


@pytest.fixture
def http(exchange, trust):
    with httpx.Client(base_url=exchange.rest_url, verify=trust) as client:
        yield client


@pytest.fixture
def token(http):
    return http.get("/markets").json()["data"][0]["tokens"][0]["token_id"]


def test_every_url_is_a_secure_one(exchange):
    assert {urlsplit(url).scheme for url in exchange if isinstance(url, str)} == {"https", "wss"}


def test_one_connection_serves_many_requests(http):
    assert [http.get("/version").json() for _ in range(5)] == [{"version": 2}] * 5


def test_a_body_of_many_records_arrives_whole(http):
    asked = [{"token_id": str(number)} for number in range(10**70, 10**70 + 1_200)]
    assert http.post("/books", json=asked).json() == {"error": "Too many tokens in payload: 1200, max allowed: 500"}


def test_an_answer_of_many_records_arrives_whole(http, token):
    books = http.post("/books", json=[{"token_id": token}] * 500).json()
    assert len(books) == 500 and {book["asset_id"] for book in books} == {token}


def test_frames_come_and_go_over_wss(exchange, trust, token):
    with connect(f"{exchange.ws_url}/ws/market", ssl=trust) as stream:
        stream.send(json.dumps({"type": "market", "assets_ids": [token]}))
        assert json.loads(stream.recv(5))[0]["event_type"] == "book"
        stream.send("PING")
        assert any(stream.recv(5) == "PONG" for _ in range(10_000))


def test_who_does_not_trust_the_authority_is_told_so(exchange):
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(exchange.rest_url)


def hung_up(plain):
    try:
        return plain.recv(1) in (b"", b"\x15")       # or a TLS alert first
    except ConnectionResetError:
        return True


def test_plain_http_on_the_secure_port_ends_that_connection_only(exchange, http):
    with socket.create_connection(("127.0.0.1", urlsplit(exchange.rest_url).port)) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert hung_up(plain)
    assert http.get("/ok").json() == "OK"


def test_a_stream_that_is_torn_down_behind_the_door_ends_in_front_of_it(exchange, trust, ca_file, token):
    with connect(f"{exchange.ws_url}/ws/market", ssl=trust) as stream:
        stream.send(json.dumps({"type": "market", "assets_ids": [token]}))
        httpx.post(f"{exchange.rest_url}/control/faults", json={"kind": "reset", "channel": "market"}, verify=trust)
        with pytest.raises((ConnectionClosed, ConnectionResetError)):
            for _ in range(100_000):
                stream.recv(5)


def test_keys_can_be_had_through_the_secure_door(exchange, ca_file):
    assert json.loads(funded_keys(["--url", exchange.rest_url, "--ca-file", str(ca_file), "--cash", "7"]))["cash"] == 7
