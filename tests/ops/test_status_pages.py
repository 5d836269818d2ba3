"""What a reader of the status server gets, and what nobody gets: without a server, request by request."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from trader.model.setting import Secret
from trader.ops.series import Series
from trader.ops.status_pages import Answer, Request, Shown, StatusPages
from trader.runtime.latency import LatencyWindow

TOKEN = "a-token-of-24-characters"
DEPLOY = Path(__file__).parents[2] / "tools" / "deploy"
PATHS = ("/", "/health", "/stats", "/metrics", "/threads", "/series")


class ShownTrader:
    """Says what it is told to say."""

    def __init__(self, ok: bool = True) -> None:
        self.ok = ok
        self.window = LatencyWindow()

    def stats(self) -> dict[str, Any]:
        return {"mode": "embedded", "roles": [], "depths": {}, "fills": 3, "guards": ["paused"], "guards_ms": {"caution": 1_500},
                "trading_mode": "STOP", "inventory": {"yes": 2.5}, "feeds": {"pm-book": {"connected": True, "frames": 9}}}

    def health(self) -> dict[str, Any]:
        verdict = {"ok": self.ok, "reason": "" if self.ok else "disconnected"}
        return {"ok": self.ok, "components": {"pm-book": verdict}, "trading_mode": "STOP", "guards": []}

    def latencies(self) -> dict[str, LatencyWindow]:
        return {"wire_to_ack": self.window}

    def threads_text(self) -> str:
        return "3 threads\n"


class Broken(ShownTrader):
    def stats(self) -> dict[str, Any]:
        raise KeyError("0xsecret")


def pages(trader: ShownTrader | None = None, token: str = "") -> StatusPages:
    one = trader or ShownTrader()
    return StatusPages(Shown(one.stats, one.health, one.latencies, one.threads_text), Series(), Secret(token))


def get(path: str, *, of: StatusPages | None = None, method: str = "GET", host: str = "127.0.0.1:8787", authorization: str = "") -> Answer:
    path, _, query = path.partition("?")
    return (of or pages()).answer(Request(method, path, query, host, authorization))


# --- pages --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ok", "status"), [(True, 200), (False, 503)])
def test_health_is_200_while_every_component_is_well_and_503_otherwise_with_the_reason(ok: bool, status: int) -> None:
    answer = get("/health", of=pages(ShownTrader(ok)))
    assert answer.status == status
    assert orjson.loads(answer.body)["components"]["pm-book"] == {"ok": ok, "reason": "" if ok else "disconnected"}


def test_stats_are_what_the_trader_says() -> None:
    assert orjson.loads(get("/stats").body) == ShownTrader().stats()


def test_threads_are_text_and_with_json_what_they_were_collected_from() -> None:
    assert get("/threads").body == b"3 threads\n"
    assert {"text", "threads", "roles", "depths"} <= orjson.loads(get("/threads?json").body).keys()


@pytest.mark.parametrize("query", ["since=-1", "since=a", "since=1e3", "fills=9999999999999999", "since=%00", "&".join("abcdefghijkl")])
def test_a_number_that_is_none_is_refused_with_what_must_be(query: str) -> None:
    answer = get(f"/series?{query}")
    assert answer.status == 400 and b"/series" in answer.body


def test_a_page_that_fails_says_so_without_saying_what_with() -> None:
    answer = get("/stats", of=pages(Broken()))
    assert answer.status == 500 and b"secret" not in answer.body and b"log" in answer.body


# --- metrics ------------------------------------------------------------------------------------------------------------


def samples(trader: ShownTrader) -> dict[tuple[str, ...], float]:
    text = get("/metrics", of=pages(trader)).body.decode()
    return {(sample.name, *sorted(sample.labels.values())): sample.value
            for family in text_string_to_metric_families(text) for sample in family.samples}


def test_metrics_are_named_by_prometheus_rules_and_read_by_its_own_parser() -> None:
    found = samples(ShownTrader())
    assert found["trader_fills_total",] == 3 and found["trader_feed_frames_total", "pm-book"] == 9
    assert found["trader_inventory_shares", "effective", "yes"] == 2.5 and found["trader_guard_seconds_total", "caution"] == 1.5


def test_of_the_modes_and_guards_those_in_force_are_1_and_the_others_0() -> None:
    found = samples(ShownTrader())
    assert (found["trader_mode", "STOP"], found["trader_mode", "NORMAL"]) == (1, 0)
    assert (found["trader_guard_active", "paused"], found["trader_guard_active", "caution"]) == (1, 0)


def test_what_is_not_known_has_no_sample() -> None:
    assert not [key for key in samples(ShownTrader()) if key[0] in ("trader_fair_price_dollars", "trader_cash_dollars")]


def test_a_latency_histogram_is_cumulative_and_in_seconds() -> None:
    trader = ShownTrader()
    for sample_ns in (20_000, 20_001, 3_000_000, 90_000_000_000):
        trader.window.add(sample_ns)
    found = samples(trader)
    edges = {edge: found["trader_latency_seconds_bucket", *sorted((edge, "wire_to_ack"))] for edge in ("2e-05", "5e-05", "0.005", "+Inf")}
    assert edges == {"2e-05": 1, "5e-05": 2, "0.005": 3, "+Inf": 4}
    assert found["trader_latency_seconds_count", "wire_to_ack"] == 4
    assert found["trader_latency_seconds_sum", "wire_to_ack"] == pytest.approx(90.00304)


def test_every_metric_of_the_alert_rules_and_of_the_board_exists() -> None:
    text = get("/metrics").body.decode()
    there = set(re.findall(r"^# TYPE (\w+)", text, re.MULTILINE)) | {"trader_latency_seconds_bucket"}
    for name in ("prometheus-rules.yml", "grafana.json"):
        used = set(re.findall(r"\btrader_[a-z_]+\b", (DEPLOY / name).read_text()))
        assert used and used <= there, f"{name} uses {used - there}"


# --- who may see them ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PATHS[1:])
@pytest.mark.parametrize("shown", ["", "Bearer", f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer \xff", TOKEN])
def test_with_a_token_nothing_is_shown_without_it(path: str, shown: str) -> None:
    answer = get(path, of=pages(token=TOKEN), authorization=shown)
    assert answer.status == 401 and answer.headers["WWW-Authenticate"].startswith("Bearer") and TOKEN.encode() not in answer.body


@pytest.mark.parametrize("path", PATHS)
def test_whoever_shows_the_token_sees_every_page_under_any_name(path: str) -> None:
    assert get(path, of=pages(token=TOKEN), host="desk.example.org", authorization=f"bearer  {TOKEN} ").status == 200


def test_the_dashboard_itself_holds_no_data_and_asks_for_the_token() -> None:
    answer = get("/", of=pages(token=TOKEN))
    assert answer.status == 200 and TOKEN.encode() not in answer.body


@pytest.mark.parametrize("host", ["", "localhost", "localhost:8787", "127.0.0.1", "127.0.0.1:1", "[::1]:8787", "[::1]", "192.168.0.9:80"])
def test_without_a_token_it_is_asked_by_address_or_as_localhost(host: str) -> None:
    assert get("/stats", host=host).status == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8787", "localhost.evil.example", "127.0.0.1.evil", "a:b:c", "[::1"])
@pytest.mark.parametrize("path", PATHS)
def test_a_web_page_that_points_its_own_name_at_us_is_told_nothing(path: str, host: str) -> None:
    assert get(path, host=host).status == 421


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "BREW", "get"])
def test_what_would_change_something_is_refused_with_what_is_possible(method: str) -> None:
    answer = get("/stats", method=method)
    assert answer.status == 405 and answer.headers["Allow"] == "GET, HEAD, OPTIONS"
    assert get("/stats", method="OPTIONS").status == 204


def test_head_has_the_headers_of_get_and_no_body() -> None:
    sent: list[Any] = []
    environ = {"REQUEST_METHOD": "HEAD", "PATH_INFO": "/stats", "HTTP_HOST": "localhost"}
    assert b"".join(pages()(environ, lambda *said: sent.append(said))) == b""
    headers = dict(sent[0][1])
    assert sent[0][0] == "200 OK" and int(headers["Content-Length"]) == len(get("/stats").body)
    assert headers["Cache-Control"] == "no-store" and "default-src 'none'" in headers["Content-Security-Policy"]


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(["GET", "HEAD", "POST", ""]) | st.text(), st.sampled_from(PATHS) | st.text(), st.text(), st.text(), st.text())
def test_no_request_is_answered_with_a_traceback_or_the_token(method: str, path: str, query: str, host: str, authorization: str) -> None:
    answer = pages(token=TOKEN).answer(Request(method, path, query, host, authorization))
    assert answer.status in (200, 204, 400, 401, 404, 405) and TOKEN.encode() not in answer.body and b"Traceback" not in answer.body


# --- the document --------------------------------------------------------------------------------------------------------


def test_the_document_needs_nothing_from_anywhere_else_and_its_policy_allows_nothing_else() -> None:
    answer = get("/")
    html, policy = answer.body.decode(), answer.headers["Content-Security-Policy"]
    assert not re.findall(r"""(?:src|href)=["'](?!data:)""", html) and not re.findall(r"@import|url\((?!data:)", html)
    for tag, directive in (("style", "style-src"), ("script", "script-src")):
        content, = re.findall(f"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        assert f"{directive} 'sha256-{b64encode(hashlib.sha256(content.encode()).digest()).decode()}'" in policy and len(content) > 1_000
    assert "unsafe" not in policy and "default-src 'none'" in policy
