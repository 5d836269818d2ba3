"""OTLP: measured values as its protobuf message, and the HTTP request that carries it. Thread `otel`.

Loaded only where a collector is configured: the message classes are the extra `trader[otel]`. The SDK is not used. Its instruments would
have to be fed every latency a second time, by the threads that trade; its own thread and its logging know nothing of ours.
"""

from __future__ import annotations

import os
import platform

import httpx
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest, ExportMetricsServiceResponse
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.metrics.v1 import metrics_pb2 as wire
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from trader import __version__
from trader.ops.metrics import EDGES_S, Histogram, Instrument, Labels, Measured
from trader.ops.otel import Target

DEADLINE_S = 1.0             # to connect, and again for the answer: what a stop may have to wait
_UNITS = {"seconds": "s", "bytes": "By", "ratio": "1"}
_CUMULATIVE = wire.AGGREGATION_TEMPORALITY_CUMULATIVE


class OtlpCollector:
    """Keeps one connection. Whatever goes wrong is an answer, not an exception."""

    def __init__(self, target: Target, client: httpx.Client | None = None) -> None:
        self.url = target.url
        self._attributes = {**_own_attributes(), **target.attributes}
        self._headers = {**target.headers, "Content-Type": "application/x-protobuf", "User-Agent": f"trader/{__version__}"}
        self._client = client or httpx.Client(timeout=DEADLINE_S)

    def push(self, now: Measured, since_ns: int, wall_ns: int) -> str:
        body = request_of(now, self._attributes, since_ns, wall_ns).SerializeToString()
        try:
            answer = self._client.post(self.url, content=body, headers=self._headers)
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as why:
            return type(why).__name__            # its text may show a header
        return _refusal(answer.content) if answer.is_success else f"HTTP {answer.status_code}"

    def close(self) -> None:
        self._client.close()


def _own_attributes() -> dict[str, str]:
    return {"service.name": "trader", "service.version": __version__, "service.instance.id": f"{platform.node()}:{os.getpid()}",
            "host.name": platform.node(), "process.pid": str(os.getpid())}


def _refusal(body: bytes) -> str:
    """A collector says 200 also when it has thrown some of it away."""
    try:
        said = ExportMetricsServiceResponse.FromString(body).partial_success
    except DecodeError:
        return "its answer is not OTLP"
    return f"it refused {said.rejected_data_points} values: {said.error_message[:200]!r}" if said.rejected_data_points else ""


# --- the message ----------------------------------------------------------------------------------------------------------


def request_of(now: Measured, attributes: dict[str, str], since_ns: int, wall_ns: int) -> ExportMetricsServiceRequest:
    """`since_ns`: when counting began; `wall_ns`: now. An instrument without a value now is left out."""
    metrics = [_metric(one, since_ns, wall_ns) for one in now.instruments if one.points]
    if now.histogram.points:
        metrics.append(_histogram(now.histogram, since_ns, wall_ns))
    scope = wire.ScopeMetrics(scope=InstrumentationScope(name="trader", version=__version__), metrics=metrics)
    resource = Resource(attributes=_key_values(tuple(attributes.items())))
    return ExportMetricsServiceRequest(resource_metrics=[wire.ResourceMetrics(resource=resource, scope_metrics=[scope])])


def _metric(one: Instrument, since_ns: int, wall_ns: int) -> wire.Metric:
    points = [wire.NumberDataPoint(attributes=_key_values(labels), start_time_unix_nano=since_ns if one.kind == "counter" else 0,
                                   time_unix_nano=wall_ns, as_double=value) for labels, value in one.points]
    metric = wire.Metric(name=one.name, description=one.text, unit=_unit(one.name))
    if one.kind == "counter":
        metric.sum.CopyFrom(wire.Sum(data_points=points, aggregation_temporality=_CUMULATIVE, is_monotonic=True))
    else:
        metric.gauge.CopyFrom(wire.Gauge(data_points=points))
    return metric


def _histogram(one: Histogram, since_ns: int, wall_ns: int) -> wire.Metric:
    points = [wire.HistogramDataPoint(attributes=_key_values(labels), start_time_unix_nano=since_ns, time_unix_nano=wall_ns,
                                      count=sum(counts), sum=sum_s, bucket_counts=counts, explicit_bounds=EDGES_S)
              for labels, counts, sum_s in one.points]
    return wire.Metric(name=one.name, description=one.text, unit=_unit(one.name),
                       histogram=wire.Histogram(data_points=points, aggregation_temporality=_CUMULATIVE))


def _key_values(labels: Labels) -> list[KeyValue]:
    return [KeyValue(key=name, value=AnyValue(string_value=value)) for name, value in labels]


def _unit(name: str) -> str:
    """In UCUM, as OpenTelemetry wants it; our names end in it."""
    return _UNITS.get(name.removesuffix("_total").rpartition("_")[2], "")
