"""What a collector gets: decoded with OpenTelemetry's own messages and held against what a scrape of the same moment says."""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsPartialSuccess,
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_CUMULATIVE, Metric
from prometheus_client.parser import text_string_to_metric_families

from trader.ops.metrics import EDGES_S, Measured, measured
from trader.ops.otel import Target
from trader.ops.otlp import OtlpCollector, request_of
from trader.ops.prometheus import metrics_text
from trader.runtime.latency import LatencyWindow

SINCE_NS, NOW_NS = 1_795_000_000 * 10**9, 1_795_000_015 * 10**9
Samples = dict[tuple[str, ...], float]


def moment(samples_ns: tuple[int, ...] = (20_000, 20_001, 3_000_000, 90_000_000_000), role: str = "strategy") -> Measured:
    window = LatencyWindow()
    for sample_ns in samples_ns:
        window.add(sample_ns)
    stats = {"mode": "embedded", "roles": [{"name": role, "cycles": 7}], "fills": 3, "guards": ["paused"], "guards_ms": {"caution": 1_500},
             "trading_mode": "STOP", "process": {"resident_mb": 61.5},
             "fleet": {"running": True, "restarts": 2}}
    health = {"ok": True, "components": {"pm-book": {"ok": False, "reason": "disconnected"}}}
    return measured(stats, health, {"wire_to_ack": window})


def message(now: Measured) -> ExportMetricsServiceRequest:
    """As it comes out of the bytes."""
    return ExportMetricsServiceRequest.FromString(request_of(now, {"service.name": "trader"}, SINCE_NS, NOW_NS).SerializeToString())


def metrics_in(request: ExportMetricsServiceRequest) -> list[Metric]:
    return list(request.resource_metrics[0].scope_metrics[0].metrics)


def pushed(now: Measured) -> Samples:
    """Every number of the message under the name that a scrape has for it."""
    found: Samples = {}
    for metric in metrics_in(message(now)):
        for point in (*metric.sum.data_points, *metric.gauge.data_points):
            found[metric.name, *sorted(pair.value.string_value for pair in point.attributes)] = point.as_double
        for spread in metric.histogram.data_points:
            labels = [pair.value.string_value for pair in spread.attributes]
            edges = [*(f"{edge:g}" for edge in spread.explicit_bounds), "+Inf"]
            for edge, count in zip(edges, accumulate(spread.bucket_counts), strict=True):
                found[f"{metric.name}_bucket", *sorted((*labels, edge))] = count
            found[f"{metric.name}_count", *labels], found[f"{metric.name}_sum", *labels] = spread.count, spread.sum
    return found


def scraped(now: Measured) -> Samples:
    return {(sample.name, *sorted(sample.labels.values())): sample.value
            for family in text_string_to_metric_families(metrics_text(now).decode()) for sample in family.samples}


@given(st.lists(st.integers(0, 10**12), max_size=30), st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=20))
def test_a_collector_is_told_what_a_scrape_says_number_for_number(samples_ns: list[int], role: str) -> None:
    now = moment(tuple(samples_ns), role)
    assert pushed(now) == scraped(now)


def test_what_only_rises_is_a_cumulative_sum_since_the_start_and_the_rest_is_a_gauge_of_now() -> None:
    by_name = {metric.name: metric for metric in metrics_in(message(moment()))}
    fills, healthy = by_name["trader_fills_total"], by_name["trader_healthy"]
    assert fills.sum.is_monotonic and fills.sum.aggregation_temporality == AGGREGATION_TEMPORALITY_CUMULATIVE
    point = fills.sum.data_points[0]
    assert (point.as_double, point.start_time_unix_nano, point.time_unix_nano) == (3, SINCE_NS, NOW_NS)
    assert [(one.as_double, one.time_unix_nano) for one in healthy.gauge.data_points] == [(1, NOW_NS)]


def test_a_latency_is_a_histogram_with_the_edges_of_the_scrape_in_seconds() -> None:
    latency = next(metric for metric in metrics_in(message(moment())) if metric.name == "trader_latency_seconds")
    spread = latency.histogram.data_points[0]
    assert latency.unit == "s" and tuple(spread.explicit_bounds) == EDGES_S and len(spread.bucket_counts) == len(EDGES_S) + 1
    assert (spread.count, sum(spread.bucket_counts), spread.bucket_counts[-1]) == (4, 4, 1)


@pytest.mark.parametrize(("name", "unit"), [
    ("process_cpu_seconds_total", "s"), ("process_resident_memory_bytes", "By"), ("trader_fills_total", ""),
])
def test_units_are_said_as_opentelemetry_writes_them(name: str, unit: str) -> None:
    assert next(metric.unit for metric in metrics_in(message(moment())) if metric.name == name) == unit


def test_what_is_not_known_is_not_sent() -> None:
    names = {metric.name for metric in metrics_in(message(moment()))}
    assert "trader_fair_price_dollars" not in names and "trader_fleet_restarts_total" in names


# --- the request --------------------------------------------------------------------------------------------------------


def push_to(answer: Callable[[httpx.Request], httpx.Response], **target: Any) -> str:
    client = httpx.Client(transport=httpx.MockTransport(answer))
    collector = OtlpCollector(Target("http://127.0.0.1:4318/v1/metrics", target.get("headers", {}), target.get("attributes", {})), client)
    return collector.push(moment(), SINCE_NS, NOW_NS)


def test_a_push_is_a_post_of_protobuf_with_the_headers_that_were_set_and_says_who_it_is() -> None:
    got: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        got.append(request)
        return httpx.Response(200)

    assert push_to(answer, headers={"x-key": "k"}, attributes={"service.name": "desk-7"}) == ""
    assert (got[0].method, got[0].url.path, got[0].headers["x-key"]) == ("POST", "/v1/metrics", "k")
    assert got[0].headers["content-type"] == "application/x-protobuf"
    resource = ExportMetricsServiceRequest.FromString(got[0].content).resource_metrics[0].resource
    said = {pair.key: pair.value.string_value for pair in resource.attributes}
    assert said["service.name"] == "desk-7" and {"service.version", "service.instance.id", "host.name", "process.pid"} <= said.keys()


def test_a_collector_that_took_only_a_part_is_no_success() -> None:
    partly = ExportMetricsServiceResponse(partial_success=ExportMetricsPartialSuccess(rejected_data_points=3, error_message="too old"))
    assert push_to(lambda request: httpx.Response(200, content=partly.SerializeToString())) == "it refused 3 values: 'too old'"


@pytest.mark.parametrize(("status", "body", "said"), [
    (503, b"", "HTTP 503"), (301, b"", "HTTP 301"), (200, b"<html>welcome</html>", "its answer is not OTLP"), (200, b"", ""),
])
def test_what_the_collector_answers_is_told_in_a_few_words(status: int, body: bytes, said: str) -> None:
    assert push_to(lambda request: httpx.Response(status, content=body)) == said


@given(st.binary(max_size=60))
def test_no_answer_raises(body: bytes) -> None:
    assert isinstance(push_to(lambda request: httpx.Response(200, content=body)), str)


def test_nobody_listening_is_a_reason_without_a_header_in_it() -> None:
    collector = OtlpCollector(Target("http://127.0.0.1:9/v1/metrics", {"x-key": "hidden"}, {}))
    assert collector.push(moment(), SINCE_NS, NOW_NS) == "ConnectError"
    collector.close()
