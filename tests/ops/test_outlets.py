"""Which threads the settings ask for, to tell the world outside of a run."""

from __future__ import annotations

import pytest

from trader.errors import ConfigError
from trader.ops.alerts import AlertRole, targets_of
from trader.ops.outlets import outlets_of
from trader.ops.settings import OpsSettings
from trader.ops.status_pages import Shown
from trader.testing.manual_clock import ManualClock

SHOWN = Shown(stats=dict, health=dict, latencies=dict, threads_text=str)


def names(settings: OpsSettings) -> list[str]:
    clock = ManualClock()
    alerts = AlertRole(targets_of(settings), settings.alert_repeat_s, lambda: None, clock)
    return [role.name for role in outlets_of(settings, SHOWN, clock, lambda url: None, alerts)]


@pytest.mark.parametrize(("settings", "expected"), [
    (OpsSettings(), ["ops-http"]),
    (OpsSettings(status_port=-1), []),
    (OpsSettings(status_port=-1, otel_endpoint="http://127.0.0.1:4318"), ["otel"]),
    (OpsSettings(alert_command="mail", otel_endpoint="http://127.0.0.1:4318"), ["alerts", "ops-http", "otel"]),
])
def test_there_is_a_thread_for_what_is_configured_and_none_besides(settings: OpsSettings, expected: list[str]) -> None:
    assert names(settings) == expected


def test_an_endpoint_that_cannot_be_one_is_refused_before_any_thread_runs() -> None:
    with pytest.raises(ConfigError, match="otel_endpoint"):
        names(OpsSettings(otel_endpoint="nowhere"))
