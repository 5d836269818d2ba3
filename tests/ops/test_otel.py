"""When metrics are pushed, what is said when that fails, and which settings are refused. The role is stepped, the collector is a fake."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader.errors import ConfigError
from trader.model.setting import Secret
from trader.ops.metrics import Measured
from trader.ops.otel import PARK_S, WARN_AGAIN_NS, OtelRole, target_of
from trader.ops.settings import OpsSettings
from trader.ops.status_pages import Shown
from trader.testing.manual_clock import ManualClock

URL = "http://127.0.0.1:4318"


class FakeCollector:
    url = f"{URL}/v1/metrics"

    def __init__(self) -> None:
        self.pushes: list[tuple[Measured, int, int]] = []
        self.says = ""
        self.closed = False

    def push(self, now: Measured, since_ns: int, wall_ns: int) -> str:
        self.pushes.append((now, since_ns, wall_ns))
        return self.says

    def close(self) -> None:
        self.closed = True


class Bench:
    """A role whose waits move the clock."""

    def __init__(self, every_s: int = 15) -> None:
        self.clock, self.collector = ManualClock(), FakeCollector()
        self.waits_s: list[float] = []
        shown = Shown(stats=lambda: {"mode": "live", "roles": [], "fills": len(self.collector.pushes)},
                      health=lambda: {"ok": True, "components": {}}, latencies=dict, threads_text=str)
        self.role = OtelRole(self.collector, every_s, shown, self.clock, self._wait)

    def _wait(self, seconds: float) -> None:
        self.waits_s.append(seconds)
        self.clock.advance(ms=round(seconds * 1000))

    def run(self, seconds: int) -> int:
        """How many pushes there were in this time."""
        before, end_ns = len(self.collector.pushes), self.clock.monotonic_ns() + seconds * 10**9
        while self.clock.monotonic_ns() < end_ns:
            self.role.do_work()
        return len(self.collector.pushes) - before


def fills_in(now: Measured) -> float:
    return next(one.points[0].value for one in now.instruments if one.name == "trader_fills_total")


def test_it_pushes_once_an_interval_what_the_trader_shows_then_and_parks_shortly() -> None:
    bench = Bench(every_s=15)
    assert bench.run(60) == 4 and max(bench.waits_s) <= PARK_S
    assert [fills_in(now) for now, _, _ in bench.collector.pushes] == [0, 1, 2, 3]


def test_every_push_counts_from_the_start_of_the_run() -> None:
    bench = Bench(every_s=10)
    start_ns = bench.clock.wall_ms() * 10**6
    bench.run(20)
    assert [(since_ns, wall_ns - start_ns) for _, since_ns, wall_ns in bench.collector.pushes] == [
        (start_ns, 10 * 10**9), (start_ns, 20 * 10**9)]


def test_at_the_end_it_pushes_once_more_and_closes() -> None:
    bench = Bench()
    bench.role.on_stop()
    assert len(bench.collector.pushes) == 1 and bench.collector.closed


def test_a_collector_that_does_not_take_them_is_not_waited_for_at_the_end() -> None:
    bench = Bench()
    bench.collector.says = "ConnectTimeout"
    assert bench.run(15) == 1
    bench.role.on_stop()
    assert len(bench.collector.pushes) == 1 and bench.collector.closed


def test_a_collector_that_is_gone_is_one_warning_in_five_minutes_and_its_return_is_told(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(every_s=1)
    bench.collector.says = "ConnectError"
    bench.run(2 * WARN_AGAIN_NS // 10**9)
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 2
    assert "(ConnectError); failed in a row: 1." in caplog.messages[0] and "failed in a row: 301." in caplog.messages[1]
    bench.collector.says = ""
    with caplog.at_level(logging.INFO):
        bench.run(2)
    assert caplog.messages[2:] == [f"the collector at {URL}/v1/metrics takes metrics again, after 600 pushes that failed"]


def test_a_collector_that_comes_and_goes_is_no_more_than_that(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(every_s=1)
    for says in ("HTTP 503", "") * 100:
        bench.collector.says = says
        bench.run(1)
    assert len(caplog.records) == 1


# --- its settings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("endpoint", [URL, f"{URL}/", f"{URL}/v1/metrics", f"{URL}/v1/metrics/"])
def test_the_endpoint_is_given_with_or_without_the_path_of_metrics(endpoint: str) -> None:
    assert target_of(OpsSettings(otel_endpoint=endpoint)).url == f"{URL}/v1/metrics"


@pytest.mark.parametrize("endpoint", ["127.0.0.1:4318", "grpc://a:4317", "http://", "http://a:99999", "http://user:hidden@a", "http://a?b",
                                      "x", "http://a b", "http://[::1"])
def test_what_is_no_address_of_a_collector_is_refused_without_showing_it(endpoint: str) -> None:
    with pytest.raises(ConfigError, match=r"ops\.otel_endpoint must be .* http://127\.0\.0\.1:4318") as refused:
        target_of(OpsSettings(otel_endpoint=endpoint))
    assert "hidden" not in str(refused.value)


def test_headers_and_attributes_are_pairs_with_percent_encoded_values() -> None:
    target = target_of(OpsSettings(otel_endpoint=URL, otel_headers=Secret("authorization=Bearer%20a%3Db, x-key=k"),
                                   otel_attributes="service.name=desk-7,empty="))
    assert target.headers == {"authorization": "Bearer a=b", "x-key": "k"}
    assert target.attributes == {"service.name": "desk-7", "empty": ""}


@pytest.mark.parametrize("text", ["hidden", "a=b,hidden", "=hidden", "a b=hidden", "a=hidden%0D%0Ab", "ä=hidden"])
def test_what_is_no_pair_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(ConfigError, match=r"ops\.otel_headers must be pairs") as refused:
        target_of(OpsSettings(otel_endpoint=URL, otel_headers=Secret(text)))
    assert "hidden" not in str(refused.value)


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_text_is_a_target_or_refused_with_a_remedy(endpoint: str, headers: str) -> None:
    try:
        assert target_of(OpsSettings(otel_endpoint=endpoint, otel_headers=Secret(headers))).url.startswith("http")
    except ConfigError as refused:
        assert refused.remedy


def test_without_the_extra_the_configuration_is_refused_with_the_command_that_installs_it() -> None:
    code = ("import sys; sys.modules['opentelemetry'] = None\n"        # what an environment without the package looks like to an import
            "from trader.__main__ import entry\n"
            f"sys.argv = ['trader', 'check', '/dev/null', '--offline', '--set', 'ops.otel_endpoint={URL}']; sys.exit(entry())")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 2 and "pip install 'trader[otel]'" in done.stdout + done.stderr
