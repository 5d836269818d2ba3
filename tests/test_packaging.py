"""What a newcomer touches first: the example, the pages and the scripts agree with the program."""

from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from trader import explain
from trader.__main__ import entry
from trader.config import load_config
from trader.errors import TraderError
from trader.settings import Declaration, declarations, sections

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "conf.yaml.example"
DECLARED = list(declarations().values())


# --- generated files --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "expected", "command"), [
    ("docs/configuration.md", explain.reference(), "python -m trader.config > docs/configuration.md"),
    ("conf.yaml.example", explain.example(), "python -m trader.config example > conf.yaml.example"),
])
def test_a_generated_file_is_up_to_date(name: str, expected: str, command: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8") == expected, f"{name} is out of date. Run: {command}"


def test_the_command_prints_what_the_files_hold() -> None:
    printed = subprocess.run([sys.executable, "-m", "trader.config"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert printed == explain.reference()


# --- the example ------------------------------------------------------------------------------------------------------


def test_the_example_loads() -> None:
    loaded = load_config(EXAMPLE, env={})
    assert (loaded.mode, loaded.strategy.volatility_prior_bp, loaded.exchange.speed) == ("embedded", 8.5, 72.0)


def test_the_example_has_every_section_in_the_order_of_the_flow() -> None:
    assert list(yaml.safe_load(EXAMPLE.read_text())) == ["mode", *sections()]


@pytest.mark.parametrize("declared", DECLARED, ids=[one.path for one in DECLARED])
def test_the_example_has_every_key_with_its_default(declared: Declaration) -> None:
    section, _, key = declared.path.rpartition(".")
    document = yaml.safe_load(EXAMPLE.read_text())
    values = document[section] if section else document
    if declared.limits.secret:
        assert key not in values and f"\n  # {key}: ...\n" in EXAMPLE.read_text()
    elif declared.path != "strategy.volatility_prior_bp":
        assert values[key] == (pytest.approx(declared.default, rel=1e-4) if declared.kind is float else declared.default)


@pytest.mark.parametrize("declared", DECLARED, ids=[one.path for one in DECLARED])
def test_every_key_says_what_it_does(declared: Declaration) -> None:
    assert len(declared.limits.help) > 10


def test_every_section_says_what_it_is_for() -> None:
    assert all(re.search(rf"^{name}:  # \w.*\.$", EXAMPLE.read_text(), re.MULTILINE) for name in sections())


# --- pages ------------------------------------------------------------------------------------------------------------


def all_errors(base: type[TraderError] = TraderError) -> list[type[TraderError]]:
    return [base, *(found for child in base.__subclasses__() for found in all_errors(child))]


@pytest.mark.parametrize("kind", all_errors(), ids=lambda kind: kind.__name__)
def test_every_error_is_listed_with_its_exit_code(kind: type[TraderError]) -> None:
    rows = [line for line in (ROOT / "docs/errors.md").read_text().splitlines() if line.startswith(f"| {kind.exit_code} ")]
    assert any(f"`{kind.__name__}`" in row for row in rows), f"add {kind.__name__} to the table of exit codes in docs/errors.md"


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_every_link_leads_somewhere(page: Path) -> None:
    targets = [target.partition("#")[0] for target in re.findall(r"\]\(([^)]+)\)", page.read_text()) if "://" not in target]
    assert [target for target in targets if target and not (page.parent / target).exists()] == []


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs/README.md").read_text()
    missing = [page.name for page in (ROOT / "docs").glob("*.md") if page.name != "README.md" and f"({page.name})" not in index]
    assert missing == [], f"add to the table in docs/README.md: {missing}"


def test_the_console_script_is_the_command_line() -> None:
    [script] = [one for one in importlib.metadata.entry_points(group="console_scripts") if one.name == "trader"]
    assert script.load() is entry


# --- scripts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["tools/run", "tools/test", ".ci/run"])
def test_a_script_can_be_executed_and_is_bash(name: str) -> None:
    assert os.access(ROOT / name, os.X_OK)
    assert subprocess.run(["bash", "-n", ROOT / name]).returncode == 0


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_run_without_a_configuration_shows_its_usage_from_anywhere(tmp_path: Path, arguments: list[str]) -> None:
    done = subprocess.run([ROOT / "tools/run", *arguments], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.startswith("usage: tools/run CONF [--for SECONDS]")


def sourced(folder: Path, script: str, path: str = os.environ["PATH"]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["/bin/bash", "-euc", f"source {ROOT}/tools/environment; {script}"], cwd=folder, env={"PATH": path},
                          capture_output=True, text=True)


def test_without_a_python_the_way_out_is_told(tmp_path: Path) -> None:
    done = sourced(tmp_path, "find_python", path=str(tmp_path))
    assert done.returncode != 0 and "no Python from 3.11 to 3.13" in done.stderr


def test_the_newest_supported_python_is_taken(tmp_path: Path) -> None:
    for name, verdict in (("python3.13", 1), ("python3.12", 0), ("python3.11", 0)):
        program(tmp_path / name, f"exit {verdict}")
    assert sourced(tmp_path, "find_python", path=str(tmp_path)).stdout == "python3.12\n"


def program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/bash\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose .venv only writes down what it is asked to do."""
    (tmp_path / "setup.cfg").write_text("a")
    (tmp_path / "pyproject.toml").write_text("b")
    (tmp_path / ".venv/bin").mkdir(parents=True)
    program(tmp_path / ".venv/bin/python", '[[ $1 == -c ]] || echo "$*" >>asked')
    program(tmp_path / ".venv/bin/trader", "")
    return tmp_path


def installs(checkout: Path) -> list[str]:
    return [line.rpartition(" ")[2] for line in (checkout / "asked").read_text().splitlines()]


def test_a_second_start_installs_nothing(checkout: Path) -> None:
    sourced(checkout, "prepare_environment .; prepare_environment .")
    assert installs(checkout) == ["."]


def test_a_changed_setup_is_installed_again(checkout: Path) -> None:
    sourced(checkout, "prepare_environment .; echo c >>setup.cfg; prepare_environment .")
    assert installs(checkout) == [".", "."]


def test_what_tests_need_is_installed_on_top_and_serves_a_run_too(checkout: Path) -> None:
    sourced(checkout, "prepare_environment .; prepare_environment '.[test]'; prepare_environment .; prepare_environment '.[test]'")
    assert installs(checkout) == [".", ".[test]"]
