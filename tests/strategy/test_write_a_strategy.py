"""docs/write-a-strategy.md as it stands: its modules are written to a folder, loaded by name, and its test is run."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from trader import load_config
from trader.errors import ConfigError
from trader.model.intent import Mode
from trader.strategy.base import strategy_named
from trader.strategy.check import fault_in

PAGE = Path(__file__).parents[2] / "docs" / "write-a-strategy.md"


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.S)


@pytest.fixture
def folder(tmp_path):
    wide, away, _ = blocks("python")
    (tmp_path / "my_rules.py").write_text(wide + "\n\n" + away)
    sys.path.insert(0, str(tmp_path))
    yield tmp_path
    sys.path.remove(str(tmp_path))
    sys.modules.pop("my_rules", None)


def configured(folder, text):
    (folder / "conf.yaml").write_text(text)
    return strategy_named(load_config(folder / "conf.yaml", env={}).strategy)


def test_the_pages_own_test_passes(folder, make):
    names = {}
    exec(blocks("python")[2], names)
    names["test_it_stands_five_cents_from_fair"](make.view())


def test_both_strategies_load_as_the_page_configures_them(folder, make):
    wide, away = (configured(folder, text) for text in blocks("yaml"))
    assert fault_in(wide.quote(make.view()), 100) is None
    assert [quote.price_bp for quote in away.quote(make.view())[1]] == [4700]


@pytest.mark.parametrize("beside", ["conf.yaml", "the current folder"])
def test_the_command_line_finds_the_file_beside_conf_yaml_and_in_the_current_folder(folder, tmp_path_factory, beside):
    """`-I`: without the current folder, PYTHONPATH and what else a shell may add, as the installed command runs."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    conf, cwd = (folder / "conf.yaml", elsewhere) if beside == "conf.yaml" else (elsewhere / "conf.yaml", folder)
    conf.write_text(blocks("yaml")[0])
    command = [sys.executable, "-I", "-m", "trader", "check", conf, "--offline"]
    ran = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize("fair_bp", [None, 1, 499, 500, 5057, 9500, 9999])
@pytest.mark.parametrize("tick_bp", [10, 100])
def test_they_are_in_good_form_at_every_price(folder, make, fair_bp, tick_bp):
    view = make.view(fair_bp=fair_bp, book=make.book(tick_bp=tick_bp))
    for rule in (configured(folder, text) for text in blocks("yaml")):
        assert fault_in(rule.quote(view), tick_bp) is None


def test_the_first_one_stops_at_the_end_of_the_window(folder, make):
    assert configured(folder, blocks("yaml")[0]).quote(make.view(time_left_ms=59_000))[0] is Mode.STOP


def test_a_wrong_key_says_what_the_page_says(folder):
    with pytest.raises(ConfigError, match=re.escape("strategy.params.cent: unknown key; did you mean 'cents'?")):
        configured(folder, blocks("yaml")[1].replace("cents:", "cent:"))
