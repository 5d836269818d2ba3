"""The rules of docs/architecture.md as tests: who may import whom, who may wait, who may read time. Each failure says what to do.

The rules are tables; `violations` applies them to a tree of sources without importing it. The last part plants one violation of
each kind in a small tree and demands that it is found: a rule that cannot fail is not a rule.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]

# --- the rules ------------------------------------------------------------------------------------------------------

GROUND = frozenset({"errors", "model"})
RUNTIME = GROUND | {"runtime"}
BELOW_ROLES = RUNTIME | {"handoff", "venues"}
ROLES = frozenset({"feeds", "strategy", "executor", "gateway", "markets", "journal"})
UPPER = frozenset({"fleet", "decision", "ops", "config", "settings", "explain", "conversion"})
EVERYTHING_BUT_ENTRY = BELOW_ROLES | ROLES | UPPER | {"exchange"}
COMPOSITION = frozenset({"app", "desk", "fleet_run"})

MAY_IMPORT: dict[str, frozenset[str]] = {
    "errors": frozenset(),
    "model": frozenset({"errors"}),
    "runtime": GROUND,
    "handoff": RUNTIME,
    "venues": RUNTIME,
    **dict.fromkeys(ROLES, BELOW_ROLES),
    "strategy": BELOW_ROLES - {"venues"},                # what they must know of a venue is model.VenueRules
    "executor": BELOW_ROLES - {"venues"},
    "exchange": RUNTIME,                                 # shares no bug with the code that it tests
    **dict.fromkeys(UPPER | {"testing"}, EVERYTHING_BUT_ENTRY),
    **dict.fromkeys(COMPOSITION, EVERYTHING_BUT_ENTRY | COMPOSITION),
    "arguments": frozenset({"errors"}),
    "completion": frozenset({"arguments", "exchange"}),
    "remote": RUNTIME | {"ops"},
    "cli": EVERYTHING_BUT_ENTRY | COMPOSITION | {"arguments", "completion", "remote"},
    "__main__": frozenset({"cli"}),                      # by name, when it runs
    "": frozenset(),                                     # trader/__init__.py loads by name, on demand
}


class Rule(NamedTuple):
    """These top-level modules only in those places. A place is a unit (`feeds`) or a path below trader/ (`runtime/clock.py`)."""

    modules: frozenset[str]
    places: frozenset[str]
    instead: str


NOBODY: frozenset[str] = frozenset()
FLEET_THREADS = frozenset(f"fleet/{name}.py" for name in (       # roles and processes; registry, pool, recycler, router, books are pure
    "__main__", "child", "connection", "crew", "fleet", "guard", "keeper", "lifecycle", "links", "worker",
    "worker_pipe", "worker_process"))
RULES = (
    Rule(frozenset({"asyncio", "anyio", "trio", "uvloop", "gevent", "eventlet", "aiohttp"}), NOBODY,
         "one role is one thread here; block at one parking spot in role.py"),
    Rule(frozenset({"threading", "_thread", "queue", "socket", "select", "selectors", "concurrent", "sched"}),
         frozenset({"runtime", "handoff", "feeds", "*/role.py", "ops", "exchange", "app", "desk", "fleet_run", "cli", "testing",
                    "gateway/limits.py",         # one bucket for all gateway threads; its lock is held for a few additions
                    "gateway/dialer.py",         # opens the sockets that the gateway threads wait at
                    "gateway/transport.py",      # says what for
                    "gateway/heartbeat.py"}) | FLEET_THREADS,    # a role, named for what it does
         "move the waiting into role.py or a hand-off and keep this file pure"),
    Rule(frozenset({"time"}), frozenset({"runtime/clock.py"}), "take a runtime.clock.Clock, read it once a cycle, pass now_ns down"),
    Rule(frozenset({"signal"}), frozenset({"cli", "exchange/serve.py", "exchange/__main__.py", "testing/desk_process.py",
                                            "fleet/__main__.py", "fleet/worker.py", "fleet/worker_process.py"}),
         "a library owns no signals; call Trader.request_stop from the command line"),
    Rule(frozenset({"websocket", "httpx", "websockets", "py_clob_client_v2"}),
         frozenset({"venues", "feeds", "gateway", "exchange", "cli", "ops/preflight.py", "ops/alerts.py", "ops/otlp.py", "testing"}),
         "wire knowledge belongs into venues/<name>/ behind venues/contract.py"),
    Rule(frozenset({"opentelemetry", "google"}), frozenset({"ops/otlp.py"}),
         "add the value to ops/metrics.py; what is an extra is loaded where it is configured"),
    Rule(frozenset({"waitress"}), frozenset({"ops", "exchange"}), "HTTP is served by ops and by the exchange only"),
    Rule(frozenset({"yaml"}), frozenset({"config"}), "take a frozen settings class; only config.py reads conf.yaml"),
    Rule(frozenset({"sqlite3"}), frozenset({"journal"}), "the journal is read through journal/report.py, reader.py or recall.py"),
    Rule(frozenset({"psycopg"}), frozenset({"decision"}), "reference data is read through decision/"),
    Rule(frozenset({"unittest", "pytest", "hypothesis"}), NOBODY, "test code belongs into tests/, fakes for embedders into testing/"),
)
MAY_PRINT = frozenset({"cli", "remote", "config", "__main__", "exchange/serve.py"})       # each of these is a command line
MOST_LINES = {"function": 60, "module": 400}


# --- the checker ----------------------------------------------------------------------------------------------------


class Source(NamedTuple):
    """One file. `unit` is the folder or file directly below trader/, without `.py`; empty for trader/__init__.py."""

    path: str
    unit: str
    tree: ast.Module
    lines: int


class Import(NamedTuple):
    line: int
    module: str


def sources(package: Path) -> Iterator[Source]:
    for file in sorted(package.rglob("*.py")):
        path = file.relative_to(package).as_posix()
        text = file.read_text()
        unit = "" if path == "__init__.py" else path.split("/")[0].removesuffix(".py")
        yield Source(path, unit, ast.parse(text, path), text.count("\n"))


def running_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node but those that only the type checker sees."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}:
            for other in node.orelse:
                yield other
                yield from running_nodes(other)
        else:
            yield node
            yield from running_nodes(node)


def imports(source: Source) -> Iterator[Import]:
    """Absolute names of all that is imported, relative imports and `import_module("…")` included, wherever it stands."""
    here = ["trader", *source.path.split("/")[:-1]]
    for node in running_nodes(source.tree):
        match node:
            case ast.Import(names=names):
                yield from (Import(node.lineno, alias.name) for alias in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                base = ".".join([*here[: len(here) - level + 1], *filter(None, [module])]) if level else module or ""
                if base == "trader":
                    yield from (Import(node.lineno, f"trader.{alias.name}") for alias in names)
                else:
                    yield Import(node.lineno, base)
            case ast.Call(func=ast.Name(id="import_module" | "__import__") | ast.Attribute(attr="import_module"),
                          args=[ast.Constant(value=str(name)), *_]):
                yield Import(node.lineno, name)


def stands_in(source: Source, places: frozenset[str]) -> bool:
    return source.unit in places or source.path in places or ("*/role.py" in places and source.path.endswith("/role.py"))


def wrong_directions(source: Source) -> Iterator[str]:
    allowed = MAY_IMPORT.get(source.unit)
    if allowed is None:
        yield (f"trader/{source.path}: {source.unit!r} has no place in the layers. Add it to MAY_IMPORT in tests/test_architecture.py "
               "and to docs/architecture.md, or move it into a folder that has one.")
        return
    for line, module in imports(source):
        root, _, rest = module.partition(".")
        target = rest.split(".")[0]
        if root == "trader" and target in MAY_IMPORT.keys() - allowed - {source.unit, ""}:
            yield (f"trader/{source.path}:{line}: {source.unit or 'trader'} imports {target}, may import "
                   f"{', '.join(sorted(allowed)) or 'nothing of trader'}. Instead: pass the object in from app.py, move the noun "
                   "down into model/, or let the two talk through handoff/.")


def misplaced_modules(source: Source) -> Iterator[str]:
    for line, module in imports(source):
        for rule in RULES:
            if module.split(".")[0] in rule.modules and not stands_in(source, rule.places):
                places = ", ".join(sorted(rule.places)) or "no file"
                yield f"trader/{source.path}:{line}: imports {module}, allowed only in {places}. Instead: {rule.instead}."


def coroutines(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)):
            yield f"trader/{source.path}:{node.lineno}: asyncio code. Write a plain function and block in role.py."


def prints(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "print" and not stands_in(source, MAY_PRINT):
            yield f"trader/{source.path}:{node.lineno}: print(). Log it, count it in stats, or return the text to cli.py."


def oversized(source: Source) -> Iterator[str]:
    if source.lines > MOST_LINES["module"]:
        yield (f"trader/{source.path}: {source.lines} lines, at most {MOST_LINES['module']}. Split it by what changes together; "
               "most files here have 100 to 250.")
    for node in ast.walk(source.tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > MOST_LINES["function"]:
                yield (f"trader/{source.path}:{node.lineno}: {node.name} has {length} lines, at most {MOST_LINES['function']}. "
                       "Keep the branches here and move the straight lines into functions of their own.")


Check = Callable[[Source], Iterator[str]]
CHECKS: tuple[Check, ...] = (wrong_directions, misplaced_modules, coroutines, prints, oversized)


def violations(package: Path, check: Check) -> list[str]:
    return [sentence for source in sources(package) for sentence in check(source)]


# --- the program keeps the rules ------------------------------------------------------------------------------------


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_program_keeps_the_rule(check):
    wrong = violations(ROOT / "trader", check)
    assert not wrong, "\n" + "\n".join(wrong)


def test_no_two_roles_and_no_role_and_the_exchange_know_each_other():
    """The table itself: a generous edit of MAY_IMPORT must not quietly allow what the design forbids."""
    assert all(not MAY_IMPORT[role] & (ROLES | UPPER | COMPOSITION | {"exchange", "testing", "cli"}) for role in ROLES)
    assert "venues" not in MAY_IMPORT["strategy"] | MAY_IMPORT["executor"] | MAY_IMPORT["exchange"]
    assert not [unit for unit, allowed in MAY_IMPORT.items() if "testing" in allowed or "__main__" in allowed]


def test_importing_trader_loads_nothing_and_starts_nothing():
    code = ("import sys, threading; before = set(sys.modules); import trader; "
            "print(sorted(m for m in set(sys.modules) - before if m.startswith('trader.')), threading.active_count())")
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30).stdout
    assert said.strip() == "[] 1", f"import trader loaded or started {said.strip()}. Name it in _HOME of trader/__init__.py instead."


# --- the rules can fail ---------------------------------------------------------------------------------------------


def planted(tmp_path: Path, path: str, text: str) -> Path:
    file = tmp_path / "trader" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return tmp_path / "trader"


@pytest.mark.parametrize(("path", "text", "said"), [
    ("strategy/role.py", "from trader.executor.state import State", "strategy imports executor"),
    ("strategy/pricing.py", "import trader.venues.polymarket", "strategy imports venues"),
    ("executor/core.py", "from trader import venues", "executor imports venues"),
    ("feeds/book.py", "from ..strategy import role", "feeds imports strategy"),
    ("feeds/book.py", "from .. import gateway", "feeds imports gateway"),
    ("exchange/engine.py", "from trader.handoff.cache import SnapshotCache", "exchange imports handoff"),
    ("handoff/cache.py", "from trader.venues.contract import Pong", "handoff imports venues"),
    ("model/book.py", "from trader.runtime.clock import Clock", "model imports runtime"),
    ("ops/stats.py", "from trader.app import Trader", "ops imports app"),
    ("app.py", "from trader.testing.manual_clock import ManualClock", "app imports testing"),
    ("gateway/role.py", "def f():\n    from trader.executor import core", "gateway imports executor"),
    ("gateway/role.py", "from importlib import import_module\nimport_module('trader.executor')", "gateway imports executor"),
    ("__init__.py", "from trader.app import Trader", "trader imports app"),
    ("model/book.py", "if TYPE_CHECKING:\n    pass\nelse:\n    import trader.app", "model imports app"),
    ("helpers/texts.py", "", "'helpers' has no place"),
])
def test_an_import_in_the_wrong_direction_is_found(tmp_path, path, text, said):
    wrong, = violations(planted(tmp_path, path, text), wrong_directions)
    assert wrong.startswith(f"trader/{path}")
    assert said in wrong


@pytest.mark.parametrize(("path", "text", "said"), [
    ("feeds/book.py", "import asyncio", "block at one parking spot"),
    ("executor/core.py", "import threading", "keep this file pure"),
    ("executor/core.py", "from queue import Queue", "keep this file pure"),
    ("venues/x.py", "import concurrent.futures", "keep this file pure"),
    ("feeds/book.py", "import time", "runtime.clock.Clock"),
    ("exchange/engine.py", "from time import monotonic_ns", "runtime.clock.Clock"),
    ("app.py", "import signal", "request_stop"),
    ("executor/core.py", "import httpx", "venues/contract.py"),
    ("strategy/base.py", "from websocket import create_connection", "venues/contract.py"),
    ("feeds/book.py", "import waitress", "ops and by the exchange"),
    ("ops/stats.py", "import yaml", "only config.py"),
    ("app.py", "from unittest.mock import patch", "tests/"),
])
def test_a_module_in_the_wrong_place_is_found(tmp_path, path, text, said):
    wrong, = violations(planted(tmp_path, path, text), misplaced_modules)
    assert wrong.startswith(f"trader/{path}:1")
    assert said in wrong


@pytest.mark.parametrize(("check", "text"), [
    (coroutines, "async def f(): pass"),
    (prints, "print('here')"),
    (oversized, "def f():\n" + "    x = 1\n" * 60),
    (oversized, "\n" * 401),
], ids=["async", "print", "long function", "long module"])
def test_asyncio_prints_and_size_are_found(tmp_path, check, text):
    assert len(violations(planted(tmp_path, "feeds/book.py", text), check)) == 1


@pytest.mark.parametrize(("path", "text"), [
    ("feeds/book_feed.py", "import select\nimport websocket\nfrom trader.handoff.cache import SnapshotCache"),
    ("strategy/role.py", "import threading\nfrom .pricing import fair"),
    ("model/book.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from trader.app import Trader"),
    ("runtime/clock.py", "import time"),
    ("cli.py", "import signal\nimport httpx\nfrom trader import app\nprint(app)"),
    ("config.py", "import yaml\nfrom trader.exchange.settings import ExchangeSettings"),
    ("__main__.py", "from trader.cli import entry"),
    ("executor/core.py", "def f():\n" + "    x = 1\n" * 59),
])
def test_what_is_allowed_is_not_accused(tmp_path, path, text):
    package = planted(tmp_path, path, text)
    assert [sentence for check in CHECKS for sentence in violations(package, check)] == []
