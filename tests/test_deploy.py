"""What is installed beside the program speaks of things that exist: commands, options, metrics, guards, paths, limits."""

from __future__ import annotations

import configparser
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from trader.arguments import parser
from trader.config import load_config
from trader.errors import TraderError
from trader.ops.alerts import KILL_SWITCHES, ROUTINE_GUARDS

ROOT = Path(__file__).parents[1]
DEPLOY, DOCS = ROOT / "tools" / "deploy", ROOT / "docs"
_SUFFIXES = ("_total", "_bucket", "_count", "_sum")


def unit() -> configparser.ConfigParser:
    lines = configparser.ConfigParser(strict=False, interpolation=None, comment_prefixes=("#",))
    lines.optionxform = str  # type: ignore[assignment, method-assign]
    lines.read(DEPLOY / "trader.service")
    return lines


def names_in(text: str) -> set[str]:
    """Of metrics, without what Prometheus appends to counters and histograms."""
    found = re.findall(r"\btrader_[a-z_]+", text)
    return {next((name.removesuffix(end) for end in _SUFFIXES if name.endswith(end)), name) for name in found}


def known_metrics() -> set[str]:
    return names_in((ROOT / "trader/ops/metrics.py").read_text())


def guards() -> set[str]:
    """Every guard that the executor can name."""
    text = (ROOT / "trader/executor/guards.py").read_text()
    named = set(re.findall(r'(?:Guard|Latch)\("([a-z_]+)"', text))
    return named | {"book_stale", "reference_stale", "cancel_all"}       # whose names are put together there


# --- the unit ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["ExecStartPre", "ExecStart", "ExecReload"])
def test_the_unit_runs_commands_that_exist(key: str) -> None:
    program, *words = shlex.split(unit()["Service"][key])
    assert program.endswith("/trader") and parser().parse_args(words).command in ("check", "run", "reload")


def test_the_unit_waits_longer_than_a_stop_takes() -> None:
    assert int(unit()["Service"]["TimeoutStopSec"]) > load_config("/dev/null", env={}).executor.shutdown_s + 10 + 4


def test_the_unit_does_not_restart_what_a_restart_cannot_cure() -> None:
    said = {int(code) for code in unit()["Service"]["RestartPreventExitStatus"].split()}
    by_name = {kind.__name__: kind.exit_code for kind in TraderError.__subclasses__()}
    assert said == {by_name[name] for name in ("ConfigError", "AuthError", "OrdersMayBeOpen", "LockedOut")}


def test_the_unit_finds_the_control_socket_where_the_trader_puts_it() -> None:
    service = unit()["Service"]
    assert service["RuntimeDirectory"] == "trader" and service["ExecReload"].endswith("--control-dir /run/trader")


# --- the container ----------------------------------------------------------------------------------------------------


def test_the_container_is_not_root_and_has_a_health_check_and_an_orderly_stop() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    last_stage = text.split("\nFROM ")[-1]
    assert re.search(r"^USER [1-9]", last_stage, re.M) and "STOPSIGNAL SIGTERM" in last_stage and "/health" in last_stage
    copied = [source for line in re.findall(r"^COPY (?!--from)(.*)$", text, re.M) for source in line.split()[:-1]]
    assert copied and all((ROOT / source).exists() for source in copied)
    command = json.loads(re.findall(r"^CMD (\[.*\])$", last_stage, re.M)[-1])
    assert parser().parse_args(command).command == "run"


# --- metrics ----------------------------------------------------------------------------------------------------------


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load((DEPLOY / "prometheus-rules.yml").read_text())["groups"] for rule in group["rules"]]


def test_the_rules_ask_for_metrics_that_exist_and_say_what_to_do() -> None:
    assert names_in(" ".join(rule["expr"] for rule in rules())) <= known_metrics()
    assert all(rule["annotations"]["summary"] and rule["annotations"]["action"] and rule["labels"]["severity"] for rule in rules())


def test_the_rules_name_guards_that_exist() -> None:
    named = {name for rule in rules() for group in re.findall(r'guard[=!]~?"([a-z_|]+)"', rule["expr"]) for name in group.split("|")}
    assert named and named <= guards()


def test_the_board_asks_for_metrics_that_exist_and_no_panel_covers_another() -> None:
    board = json.loads((DEPLOY / "grafana.json").read_text())
    assert names_in(json.dumps([panel["targets"] for panel in board["panels"]])) <= known_metrics()
    cells = [(x, y) for panel in board["panels"] for place in [panel["gridPos"]]
             for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])]
    assert len(cells) == len(set(cells)) and max(x for x, _ in cells) < 24


def test_a_metric_that_does_not_exist_would_be_found() -> None:
    assert names_in('rate(trader_orders_total{x="y"}[5m]) + trader_no_such_thing') - known_metrics() == {"trader_no_such_thing"}


# --- guards -----------------------------------------------------------------------------------------------------------


def test_the_runbook_has_a_line_for_every_guard() -> None:
    told = set(re.findall(r"^\| `([a-z_]+)`", (DOCS / "runbook.md").read_text(), re.M))
    assert guards() <= told, f"docs/runbook.md says nothing of {sorted(guards() - told)}: add what they mean and what to do."


def test_alerts_know_the_guards_that_they_sort() -> None:
    assert guards() >= KILL_SWITCHES | ROUTINE_GUARDS
