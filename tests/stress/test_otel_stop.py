"""A collector that accepts and never answers: what it costs the end of a run. Real thread, real sockets, real time."""

from __future__ import annotations

import socket

from trader.ops.otel import OtelRole, Target
from trader.ops.otlp import DEADLINE_S, OtlpCollector
from trader.ops.status_pages import Shown
from trader.runtime.clock import SystemClock
from trader.runtime.supervisor import Supervisor


def test_a_collector_that_is_silent_delays_the_end_by_its_deadline_and_no_more() -> None:
    clock, failed = SystemClock(), list[str]()
    shown = Shown(stats=lambda: {"mode": "live", "roles": []}, health=lambda: {"ok": True, "components": {}}, latencies=dict,
                  threads_text=str)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        collector = OtlpCollector(Target(f"http://127.0.0.1:{silent.getsockname()[1]}/v1/metrics", {}, {}))
        bystanders = Supervisor(clock, 5_000, lambda name, error: failed.append(name))
        bystanders.start(OtelRole(collector, 3_600, shown, clock))
        began_ns = clock.monotonic_ns()
        assert bystanders.stop_all(10) == [] and not failed
        assert DEADLINE_S <= (clock.monotonic_ns() - began_ns) / 1e9 < 2
