"""The picture of P&L: of any rows, and a clear word where it cannot be drawn."""

from __future__ import annotations

import subprocess
import sys

import pytest

from trader.errors import ConfigError
from trader.ops.pnl_plot import check_plot, plot


def row(**values):
    empty = dict.fromkeys(("spread", "adverse", "inventory", "fees", "pnl", "markout_1s", "markout_5s", "markout_30s"), 0.0)
    return {"opened": "2026-11-21T08:00:00.000Z", **empty, **values}


@pytest.mark.parametrize("rows", [
    [], [row()], [row(pnl=None, spread=None)], [row(spread=3.0, adverse=-5.0, fees=0.5, pnl=-2.5) for _ in range(100)],
], ids=["none", "nothing earned", "not known yet", "a hundred windows"])
@pytest.mark.parametrize("ending", ["png", "svg"])
def test_whatever_was_traded_there_is_a_picture(tmp_path, rows, ending):
    pytest.importorskip("matplotlib")
    plot(rows, tmp_path / f"pnl.{ending}")
    assert (tmp_path / f"pnl.{ending}").stat().st_size > 1_000


def test_another_kind_of_file_is_refused_before_any_work(tmp_path):
    with pytest.raises(ConfigError, match=r"must end in \.png, \.svg, \.pdf"):
        check_plot(tmp_path / "pnl.xls")


def test_a_folder_that_is_not_there_is_named(tmp_path):
    pytest.importorskip("matplotlib")
    with pytest.raises(ConfigError, match=r"missing/pnl\.png: cannot be written: No such file"):
        plot([row()], tmp_path / "missing" / "pnl.png")


def test_without_matplotlib_it_says_what_to_install():
    code = ("import sys, pathlib, trader.ops.pnl_plot as plots; sys.meta_path.clear(); "       # nothing can be imported from here on
            "plots.check_plot(pathlib.Path('pnl.png'))")
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False).stderr
    assert "pip install 'trader[plots]'" in said
