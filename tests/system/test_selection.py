"""Which market a desk trades, on the wire: by condition id, by slug, one that is closed early, one that it may only watch."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest

from trader.errors import WireError
from trader.runtime.clock import SystemClock
from trader.testing.exchange_faults import exchange_fault
from trader.testing.exchange_process import running_exchange
from trader.venues.polymarket.discovery import GammaDiscovery

CLOCK = SystemClock()


@pytest.fixture(scope="module")
def exchange():
    """Windows of 20 s."""
    with running_exchange(speed=180, seed=11) as urls:
        yield urls


@pytest.fixture
def gamma(exchange):
    discovery = GammaDiscovery(exchange.gamma_url)
    yield discovery
    discovery.close()


def windows(gamma):
    return gamma.windows(10114, CLOCK.wall_ms()).open


def test_slug_and_condition_id_find_the_window_that_the_series_lists(gamma):
    window = windows(gamma)[1]
    assert gamma.by_slug(window.slug, CLOCK.wall_ms()).open == gamma.by_condition_id(window.condition_id).open == (window,)


def test_a_slug_without_a_year_leads_to_the_past_and_is_refused(exchange, gamma):
    rows = httpx.get(f"{exchange.gamma_url}/markets", params={"closed": "false", "limit": 1}).json()
    with pytest.raises(WireError, match="names no year"):
        gamma.by_slug(rows[0]["slug"], CLOCK.wall_ms())


def test_a_desk_trades_the_one_window_of_its_condition_id_and_ends_with_it(start_desk, wallet, gamma):
    window = windows(gamma)[1]
    desk = start_desk(wallet.conf, "--set", f"market.condition_id={window.condition_id}")
    desk.wait_for(f"live window: {window.slug}", 40)
    desk.wait_until(lambda now: now.get("orders_acked", 0) > 0, 20, "quotes")
    code, summary = desk.finish(60)
    assert code == 0, desk.log
    assert [row["market"] for row in summary["positions"]] in ([window.slug], [])
    assert summary["open_orders_at_exit"] == 0
    assert gamma.by_condition_id(window.condition_id).ended


def test_a_window_that_the_venue_closes_early_is_left_within_seconds(start_desk, wallet, exchange, gamma):
    desk = start_desk(wallet.conf)
    desk.wait_until(lambda now: now.get("orders_acked", 0) > 0, 40, "quotes")
    window = windows(gamma)[0]
    while window.close_ms - CLOCK.wall_ms() < 14_000:                    # a window with time left to be closed in
        time.sleep(0.1)
        window = windows(gamma)[0]
    with exchange_fault(exchange, kind="close_early"):
        closed = desk.wait_for("live window: none, the desk stays flat", 6)
        desk.wait_for("live window: ", 30, after=closed + 1)
    code, summary = desk.interrupt()
    assert (code, summary["open_orders_at_exit"]) == (0, 0), desk.log


class EtherSource(BaseHTTPRequestHandler):
    """A snapshot source of another pair than the one that the windows settle on."""

    def do_GET(self):
        body = json.dumps({"symbol": "ETHUSDT", "ts_ms": CLOCK.wall_ms(), "bid": 3000.01, "ask": 3000.02, "age_ms": 1, "stale": False})
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def ether():
    server = HTTPServer(("127.0.0.1", 0), EtherSource)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_market_that_settles_on_another_reference_is_watched_and_says_why(start_desk, wallet, ether):
    desk = start_desk(wallet.conf, "--set", "binance.symbol=ETHUSDT", "--set", f"binance.snapshot_url={ether}")
    reason = "observed only: this market settles on BTCUSDT, the reference feed is ETHUSDT"
    desk.wait_for(f"nothing is quoted: {reason}", 30)
    assert desk.status()["strategy_reason"] == reason
    code, summary = desk.interrupt()
    assert (code, summary["orders_placed"]) == (0, 0), desk.log


def test_a_question_that_is_no_window_is_left_out_and_says_why(caplog):
    with running_exchange(speed=180, seed=12, markets=1) as urls:
        rows = httpx.get(f"{urls.gamma_url}/markets", params={"closed": "false", "limit": 100}).json()
        slug = next(row["slug"] for row in rows if "eventStartTime" not in row)
        discovery = GammaDiscovery(urls.gamma_url)
        assert discovery.by_slug(slug, CLOCK.wall_ms()).open == ()
        discovery.close()
    assert f"{slug} is left out: it names no eventStartTime: it is no window that opens and closes." in caplog.text
