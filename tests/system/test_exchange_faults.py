"""Faults on order, as a client of a running exchange meets them."""

from __future__ import annotations

import itertools
import json
import re
import time
from contextlib import contextmanager
from datetime import UTC, datetime

import httpx
import pytest
from py_clob_client_v2.client import ClobClient
from py_clob_client_v2.clob_types import OrderArgs, OrderType, PartialCreateOrderOptions
from py_clob_client_v2.exceptions import PolyApiException
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK
from websockets.sync.client import connect

from trader.errors import TraderError
from trader.testing.exchange_faults import exchange_fault
from trader.testing.exchange_process import running_exchange

PATIENCE_S = 5


@pytest.fixture(scope="module")
def exchange():
    with running_exchange(speed=6, settle_ms=100, frames_per_s=40) as running:      # no window ends during these tests
        yield running


@pytest.fixture(scope="module")
def client(exchange):
    client = ClobClient(exchange.rest_url, 137, key="0x" + "44" * 32)
    client.set_api_creds(client.create_or_derive_api_key())
    return client


def windows(exchange):
    """The running one and those to come."""
    query = {"closed": "false", "end_date_min": datetime.now(UTC).isoformat()}
    return httpx.get(f"{exchange.gamma_url}/events/keyset", params=query).json()["events"]


def coming_token(exchange):
    return json.loads(windows(exchange)[2]["markets"][0]["clobTokenIds"])[0]


def signed(client, exchange, price=0.3, size=10):
    args = OrderArgs(token_id=coming_token(exchange), price=price, size=size, side="BUY")
    return client.create_order(args, PartialCreateOrderOptions("0.01", False))


@contextmanager
def subscribed(exchange):
    with connect(f"{exchange.ws_url}/ws/market", ping_interval=None, close_timeout=0.2) as stream:
        stream.send(json.dumps({"type": "market", "assets_ids": json.loads(windows(exchange)[0]["markets"][0]["clobTokenIds"])}))
        stream.recv(timeout=PATIENCE_S)
        yield stream


def drained_until_closed(stream):
    end_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < end_s:
        stream.recv(timeout=PATIENCE_S)


def silent_for_s(stream, text_only=None):
    """(how long nothing but `text_only` has come at the end of 1.2 s, what came)"""
    began_s = time.monotonic()
    heard = []
    while time.monotonic() < began_s + 1.2:
        try:
            heard.append((time.monotonic() - began_s, stream.recv(timeout=0.1)))
        except TimeoutError:
            continue
    last_s = max((at_s for at_s, text in heard if text != text_only), default=0.0)
    return 1.2 - last_s, [text for _, text in heard]


def test_a_disconnect_is_an_orderly_close_and_happens_once(exchange):
    with subscribed(exchange) as stream, exchange_fault(exchange, kind="disconnect", channel="market") as fault:
        with pytest.raises(ConnectionClosedOK):
            drained_until_closed(stream)
        with subscribed(exchange) as again:
            again.recv(timeout=PATIENCE_S)
        assert fault.strikes == 1 and fault.row()["on"] is False


def test_a_reset_comes_without_a_close_frame_every_n_ms(exchange):
    with exchange_fault(exchange, kind="reset", channel="binance", every_ms=300) as fault:
        for _ in range(2):
            with connect(f"{exchange.binance_ws_url}/ws/btcusdt@bookTicker") as stream:
                with pytest.raises(ConnectionClosedError) as cut:
                    drained_until_closed(stream)
                assert cut.value.rcvd is None
    assert fault.strikes >= 2


def test_a_frozen_stream_still_answers_ping_and_then_sends_what_it_held_back(exchange):
    with subscribed(exchange) as stream, exchange_fault(exchange, kind="freeze", channel="market", for_ms=1_700) as fault:
        stream.send("PING")
        quiet_s, heard = silent_for_s(stream, "PONG")
        assert quiet_s > 0.8 and "PONG" in heard
        assert json.loads(stream.recv(timeout=PATIENCE_S))["event_type"] == "price_change"
        assert fault.strikes > 0


def test_a_mute_stream_answers_no_ping_of_either_kind(exchange):
    with subscribed(exchange) as stream, exchange_fault(exchange, kind="freeze", channel="market", pong=False):
        time.sleep(0.2)
        stream.send("PING")
        answered = stream.ping()
        quiet_s, heard = silent_for_s(stream)
        assert quiet_s > 0.8 and "PONG" not in heard and not answered.is_set()


def test_an_order_whose_answer_is_lost_was_accepted(exchange, client):
    order = signed(client, exchange)
    with exchange_fault(exchange, kind="lost_answer") as fault:
        with pytest.raises(PolyApiException):
            client.post_order(order, OrderType.GTC)
        assert fault.strikes == 1
    assert len(client.get_open_orders()) == 1
    with pytest.raises(PolyApiException, match="Duplicated"):
        client.post_order(order, OrderType.GTC)


@pytest.mark.parametrize("done", [True, False])
def test_a_cancel_whose_answer_is_lost_was_done_or_not(exchange, client, done):
    client.cancel_all()
    order_id = client.post_order(signed(client, exchange), OrderType.GTC)["orderID"]
    fault = exchange_fault(exchange, kind="lost_answer", method="DELETE", path="/orders", done=done)
    with fault, pytest.raises(PolyApiException, match="status_code=None"):
        client.cancel_orders([order_id])
    assert (client.get_order(order_id)["status"], len(client.get_open_orders())) == (("CANCELED", 0) if done else ("LIVE", 1))


@pytest.mark.parametrize(("parameters", "status", "text", "retry_after"), [
    ({"kind": "too_early", "retry_after_s": 2}, 425, "Too Early", "2"),
    ({"kind": "rate_limited", "retry_after_s": 3}, 429, "Too Many Requests", "3"),
    ({"kind": "server_error"}, 500, "could not insert order", None),
    ({"kind": "unavailable"}, 503, "Trading is currently disabled. Check polymarket.com for updates", None),
    ({"kind": "unavailable", "mode": "cancel_only"}, 503,
     "Trading is currently cancel-only. New orders are not accepted, but cancels are allowed.", None),
    ({"kind": "unavailable", "mode": "post_only", "retry_after_s": 79}, 503,
     "post-only mode: only post-only orders and cancels are allowed", "79"),
])
def test_a_refusal_has_the_venues_status_words_and_retry_after(exchange, parameters, status, text, retry_after):
    with exchange_fault(exchange, **parameters) as fault:
        answer = httpx.post(f"{exchange.rest_url}/order", json={})
        assert (answer.status_code, answer.json()["error"], answer.headers.get("Retry-After")) == (status, text, retry_after)
        assert fault.strikes == 1
    assert httpx.post(f"{exchange.rest_url}/order", json={}).status_code == 401


def test_a_slow_answer_comes_after_its_delay(exchange):
    with exchange_fault(exchange, kind="slow", path="/book", delay_ms=400):
        began_s = time.monotonic()
        httpx.get(f"{exchange.rest_url}/time")
        assert time.monotonic() - began_s < 0.3
        httpx.get(f"{exchange.rest_url}/book", params={"token_id": "1"})
        assert time.monotonic() - began_s > 0.4


def test_gamma_lists_no_window_after_the_running_one(exchange):
    with exchange_fault(exchange, kind="no_next_window"):
        assert len(windows(exchange)) == 1
    assert len(windows(exchange)) > 1


def stamp_ms(text):
    return int(re.search(r'"timestamp".(?:")(\d+)"', text)[1])


def until_struck(fault, *streams):
    """Price changes as text, a list for each stream: from before the fault to the first one after it has struck."""
    wait_for(lambda: fault.strikes > 0)
    struck_ms = time.time() * 1000
    heard = []
    for stream in streams:
        frames = [stream.recv(timeout=PATIENCE_S)]
        while "price_change" not in frames[-1] or stamp_ms(frames[-1]) <= struck_ms:
            frames.append(stream.recv(timeout=PATIENCE_S))
        heard.append([text for text in frames if "price_change" in text])
    return heard


def heard_by_one_only(one, other):
    """Of the stretch to which both were listening."""
    first_ms, last_ms = max(stamp_ms(one[0]), stamp_ms(other[0])), min(stamp_ms(one[-1]), stamp_ms(other[-1]))
    return {text for text in set(one) ^ set(other) if first_ms < stamp_ms(text) < last_ms}


def test_a_duplicated_frame_comes_twice(exchange):
    with subscribed(exchange) as stream, exchange_fault(exchange, kind="duplicate", channel="market", match="price_change") as fault:
        heard, = until_struck(fault, stream)
        assert sum(one == other for one, other in itertools.pairwise(heard)) == 1


def test_a_dropped_frame_is_missing_at_one_of_two_clients(exchange):
    with subscribed(exchange) as one, subscribed(exchange) as other:
        one.recv(timeout=PATIENCE_S), other.recv(timeout=PATIENCE_S)
        with exchange_fault(exchange, kind="drop", channel="market", match="price_change", after_ms=300) as fault:
            assert len(heard_by_one_only(*until_struck(fault, one, other))) == 1


def test_reordered_frames_change_places(exchange):
    with subscribed(exchange) as one, subscribed(exchange) as other:
        with exchange_fault(exchange, kind="reorder", channel="market", match="price_change", after_ms=300) as fault:
            heard, right = until_struck(fault, one, other)
        common = set(heard) & set(right)
        heard, right = ([text for text in each if text in common] for each in (heard, right))
        assert heard != right and sorted(heard) == sorted(right)


def test_a_delayed_stream_is_late_by_the_delay_and_complete(exchange):
    with subscribed(exchange) as stream, exchange_fault(exchange, kind="delay", channel="market", delay_ms=400):
        began_ms, late_ms = time.time() * 1000, []
        while len(late_ms) < 5:
            text = stream.recv(timeout=PATIENCE_S)
            if stamp_ms(text) > began_ms:
                late_ms.append(time.time() * 1000 - stamp_ms(text))
        assert min(late_ms) >= 400


def test_a_corrupt_frame_is_no_json_and_the_stream_goes_on(exchange):
    with subscribed(exchange) as stream, exchange_fault(exchange, kind="corrupt", channel="market", match="price_change") as fault:
        heard, = until_struck(fault, stream)
        broken = [text for text in heard if not is_json(text)]
        assert len(broken) == 1 and is_json(heard[-1])


def is_json(text):
    try:
        json.loads(text)
    except json.JSONDecodeError:
        return False
    return True


def test_a_wrong_hash_fits_in_shape_only(exchange):
    with subscribed(exchange) as one, subscribed(exchange) as other:
        with exchange_fault(exchange, kind="wrong_hash", channel="market", match="price_change", after_ms=300) as fault:
            found = heard_by_one_only(*until_struck(fault, one, other))
        right, wrong = map(json.loads, found)
        hashes = [[change.pop("hash") for change in frame["price_changes"]] for frame in (right, wrong)]
        assert right == wrong and hashes[0] != hashes[1] and [len(each) for each in hashes[1]] == [40, 40]


def test_half_a_frame_ends_the_connection_in_the_middle_of_it(exchange):
    with subscribed(exchange) as stream, exchange_fault(exchange, kind="half_frame", channel="market"):
        with pytest.raises(ConnectionClosedError) as cut:
            drained_until_closed(stream)
        assert cut.value.rcvd is None


def test_a_frame_fault_strikes_only_frames_that_match(exchange):
    with subscribed(exchange) as stream, exchange_fault(exchange, kind="drop", channel="market", match="no frame says this") as fault:
        for _ in range(3):
            stream.recv(timeout=PATIENCE_S)
        assert fault.strikes == 0


@pytest.mark.parametrize(("kind", "status", "text"), [("unauthorized", 401, '{"error":"Unauthorized/Invalid api key"}'),
                                                     ("forbidden", 403, "<!DOCTYPE html>")])
def test_a_client_is_turned_away(exchange, kind, status, text):
    with exchange_fault(exchange, kind=kind, method="POST"):
        answer = httpx.post(f"{exchange.rest_url}/order", json={})
        assert answer.status_code == status and answer.text.startswith(text)
        assert answer.headers["Content-Type"].startswith("text/html") == (kind == "forbidden")
        assert httpx.get(f"{exchange.rest_url}/time").status_code == 200


def test_a_server_error_may_come_after_the_deed(exchange, client):
    client.cancel_all()
    with exchange_fault(exchange, kind="server_error", done=True, path="/order", times=1):
        with pytest.raises(PolyApiException, match="could not insert order"):
            client.post_order(signed(client, exchange), OrderType.GTC)
        assert len(client.get_open_orders()) == 1
    with exchange_fault(exchange, kind="server_error", done=True, method="DELETE", times=1):
        with pytest.raises(PolyApiException):
            client.cancel_all()
        assert client.get_open_orders() == []


def test_a_refused_cancel_leaves_the_order_alive(exchange, client):
    client.cancel_all()
    order_id = client.post_order(signed(client, exchange), OrderType.GTC)["orderID"]
    with exchange_fault(exchange, kind="cancel_refused", reason="try later"):
        assert client.cancel_orders([order_id]) == {"canceled": [], "not_canceled": {order_id: "try later"}}
        assert [order["id"] for order in client.get_open_orders()] == [order_id]
    assert client.cancel_orders([order_id])["canceled"] == [order_id]


def test_lagging_reads_show_what_they_showed_first(exchange, client):
    client.cancel_all()
    with exchange_fault(exchange, kind="lagging_reads") as fault:
        assert client.get_open_orders() == []
        client.post_order(signed(client, exchange), OrderType.GTC)
        assert client.get_open_orders() == [] and fault.strikes == 1
    assert len(client.get_open_orders()) == 1


def test_empty_reads_hide_what_is_open(exchange, client):
    client.cancel_all()
    client.post_order(signed(client, exchange), OrderType.GTC)
    with exchange_fault(exchange, kind="empty_reads"):
        assert client.get_open_orders() == []
    assert len(client.get_open_orders()) == 1


def test_a_skewed_clock_refuses_what_was_signed_at_the_right_time(exchange, client):
    with exchange_fault(exchange, kind="clock_skew", skew_s=-600):
        assert abs(httpx.get(f"{exchange.rest_url}/time").json() - time.time() + 600) < 5
        with pytest.raises(PolyApiException):
            client.get_open_orders()
    client.get_open_orders()


def test_a_tick_change_is_told_with_fresh_books_and_then_valid(exchange):
    with subscribed(exchange) as stream, exchange_fault(exchange, kind="tick_change", tick="0.005"):
        kinds = []
        while kinds.count("tick_size_change") < 2 or kinds[-1] != "book":
            frame = json.loads(stream.recv(timeout=PATIENCE_S))
            kinds.append(frame["event_type"])
        assert frame["tick_size"] == "0.005"
        assert httpx.get(f"{exchange.rest_url}/tick-size", params={"token_id": frame["asset_id"]}).json() == {"minimum_tick_size": 0.005}


def test_an_expired_heartbeat_cancels_what_its_key_has_open(exchange, client):
    client.cancel_all()
    client.post_heartbeat("")
    client.post_order(signed(client, exchange), OrderType.GTC)
    with exchange_fault(exchange, kind="heartbeat_expiry") as fault:
        wait_for(lambda: fault.strikes == 1 and client.get_open_orders() == [])


def test_a_fault_may_begin_later(exchange):
    with exchange_fault(exchange, kind="server_error", path="/time", after_ms=1_500, times=1) as fault:
        assert httpx.get(f"{exchange.rest_url}/time").status_code == 200 and fault.row()["on"] is False
        wait_for(lambda: httpx.get(f"{exchange.rest_url}/time").status_code == 500)


def test_faults_come_from_a_file(tmp_path):
    script = tmp_path / "faults.json"
    script.write_text('[{"kind": "server_error", "path": "/time"}]')
    with running_exchange(speed=60, faults=script) as exchange:
        assert httpx.get(f"{exchange.rest_url}/time").status_code == 500


def wait_for(happened):
    end_s = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < end_s
        time.sleep(0.02)


def test_nonsense_is_refused_with_what_would_be_right(exchange):
    with pytest.raises(TraderError, match=r"channel of freeze was 'rest', must be one of binance, market, user"), \
         exchange_fault(exchange, kind="freeze", channel="rest"):
        pass


def test_a_market_that_closes_early_takes_no_orders_but_stays_unresolved(exchange):
    """The last test: nothing moves in that market any more."""
    def running():
        return windows(exchange)[0]["markets"][0]
    assert running()["acceptingOrders"] is True
    with exchange_fault(exchange, kind="close_early"):
        time.sleep(0.3)
    assert (running()["acceptingOrders"], running()["closed"]) == (False, False)
