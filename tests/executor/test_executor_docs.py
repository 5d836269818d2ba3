"""docs/executor.md says what the code does."""

import re
import runpy
from pathlib import Path

import pytest

from trader.executor import guards, truth
from trader.executor.state import Session
from trader.model.event import Outcome

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "executor.md").read_text()


def row(name, page=PAGE):
    """The cells of the table row that begins with this name."""
    found = [line for line in page.splitlines() if re.match(rf"\| (`\w+`, )*`{name}`", line)]
    assert found, f"docs/executor.md has no row for {name!r}; add one."
    return found[0].split(" | ")


def test_the_diagram_is_the_table_that_the_program_uses():
    tool = runpy.run_path(str(ROOT / "tools" / "executor_docs.py"))
    assert tool["with_diagram"](PAGE) == PAGE, "docs/executor.md is out of date; run `python tools/executor_docs.py`."


@pytest.mark.parametrize("session", Session)
def test_every_session_is_explained(session):
    assert row(session.value)


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_of_a_place_is_explained_with_its_rest_and_whether_it_is_an_error(outcome):
    cells = " | ".join(row(outcome.value, PAGE.split("## What an answer to a place does")[1]))
    hold_ms = truth._HOLD_MS.get(outcome, 0)
    assert (f"rests {hold_ms} ms" if hold_ms % 1000 else f"rests {hold_ms // 1000} s") in cells or not hold_ms
    said = cells.rstrip(" |").split("| ")[-1]
    assert (outcome in truth._ERRORS) is (said in ("yes", f"`{outcome.value}`"))


def test_every_guard_has_a_row_and_no_row_is_without_its_guard():
    source = Path(guards.__file__).read_text()
    names = set(re.findall(r'Guard\("(\w+)"', source)) | {"book_stale", "reference_stale", "daily_loss", guards._SWEEPING}
    table = PAGE.split("## Guards")[1].split("## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == names


def test_every_setting_that_is_named_exists():
    configuration = (ROOT / "docs" / "configuration.md").read_text()
    for section, key in re.findall(r"`(feeds|executor|strategy)\.(\w+)(?:: \w+)?`", PAGE):
        assert key in configuration, f"{section}.{key}"
