"""What tells the world outside of a run while it lasts, as the settings ask for it: alerts, status server, OpenTelemetry.

Called once, by `app.py` and `fleet_run.py`, before any thread runs: what is configured and cannot be had is refused there.
"""

from __future__ import annotations

from collections.abc import Callable

from trader.ops.alerts import AlertRole
from trader.ops.otel import OtelRole, target_of
from trader.ops.settings import OpsSettings
from trader.ops.status_pages import Shown
from trader.ops.status_server import StatusRole
from trader.runtime.clock import Clock
from trader.runtime.role import Role


def outlets_of(settings: OpsSettings, trader: Shown, clock: Clock, on_listening: Callable[[str], None],
               alerts: AlertRole | None = None) -> list[Role]:
    """`on_listening` hears the status server's address. Raises ConfigError."""
    outlets: list[Role] = [alerts] if alerts is not None and alerts.wanted else []
    if settings.status_port >= 0:
        outlets.append(StatusRole(settings, trader, clock, on_listening))
    if settings.otel_endpoint:
        target = target_of(settings)
        from trader.ops.otlp import OtlpCollector  # noqa: PLC0415    # an extra
        outlets.append(OtelRole(OtlpCollector(target), settings.otel_interval_s, trader, clock))
    return outlets
