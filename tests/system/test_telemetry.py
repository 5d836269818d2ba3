"""A real desk that pushes to a collector on loopback: what arrives there is what the desk says of itself, to the last number."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from trader import Trader
from trader.config import load_config

ROOT = Path(__file__).parents[2]


class Receiver:
    """A collector that keeps what it gets."""

    def __init__(self) -> None:
        got: list[bytes] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                got.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *words: object) -> None:
                pass

        self.got = got
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def numbers(self, which: int) -> dict[tuple[str, ...], float]:
        """Of one push, by name and labels; of a histogram the count."""
        scope = ExportMetricsServiceRequest.FromString(self.got[which]).resource_metrics[0].scope_metrics[0]
        return {(metric.name, *(pair.value.string_value for pair in point.attributes)): getattr(point, "as_double", point.count)
                if metric.WhichOneof("data") == "histogram" else point.as_double
                for metric in scope.metrics
                for point in (*metric.sum.data_points, *metric.gauge.data_points, *metric.histogram.data_points)}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    one = Receiver()
    yield one
    one.close()


def test_a_collector_gets_the_account_of_the_run_while_it_lasts_and_once_it_has_ended(tmp_path: Path, receiver: Receiver) -> None:
    overrides = ("ops.status_port=-1", f"ops.control_dir={tmp_path}", f"journal.dir={tmp_path}/journal", "ops.otel_interval_s=1",
                 f"ops.otel_endpoint={receiver.url}")
    with Trader(load_config(ROOT / "conf.yaml.example", env={}, overrides=overrides)) as trader:
        while (len(receiver.got) < 2 or not trader.stats()["orders_acked"]) and not trader.wait(0.2):
            pass
    summary, last = trader.summary(), receiver.numbers(-1)
    assert receiver.numbers(0)["trader_orders_total", "acked"] <= summary["orders_acked"]
    assert last["trader_orders_total", "acked"] == summary["orders_acked"] > 0
    assert last["trader_orders_total", "placed"] == summary["orders_placed"]
    assert last["trader_cash_dollars",] == pytest.approx(summary["cash_usd"]) and last["trader_orders_open",] == 0
    assert last["trader_feed_frames_total", "pm-book"] == summary["feeds"]["pm-book"]["frames"]
    assert last["trader_latency_seconds", "wire_to_ack"] == summary["latency"]["wire_to_ack"]["count"] > 0
