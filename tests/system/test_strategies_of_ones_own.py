"""Strategies that misbehave, in a file beside conf.yaml, as a user starts them."""

import pytest

MINE = '''
import time
from trader.model.intent import Mode, Quote
from trader.model.order import Side

QUOTES = (Quote(Side.BUY, 100, 10_000_000), Quote(Side.SELL, 9_900, 10_000_000))     # far from the market


class Leaves:
    asked = 0

    def quote(self, view):
        self.asked += 1
        if self.asked > 40:
            raise SystemExit(0)
        return Mode.NORMAL, QUOTES, ""


class Slow:
    def quote(self, view):
        time.sleep(2)
        return Mode.NORMAL, QUOTES, ""


class Generates:
    def quote(self, view):
        yield QUOTES


class Meddles:
    def quote(self, view):
        for name in ("fair_bp", "inventory"):
            try:
                setattr(view, name, None)
            except AttributeError:
                pass
        return Mode.NORMAL, QUOTES if view.inventory is not None else (), ""
'''


@pytest.fixture
def start_mine(start_desk, wallet, tmp_path):
    (tmp_path / "mine_of_a_test.py").write_text(MINE)
    return lambda name: start_desk(wallet.conf, "--set", f"strategy.name=mine_of_a_test:{name}", "--set", "ops.status_port=-1")


def test_one_that_leaves_the_process_ends_the_run_with_everything_cancelled(start_mine, wallet):
    desk = start_mine("Leaves")
    code, summary = desk.finish(60)
    assert (code, summary["open_orders_at_exit"], wallet.open_orders()) == (7, 0, 0), desk.log
    assert "role strategy crashed: SystemExit(0)" in desk.log


@pytest.mark.parametrize(("name", "shown"), [
    ("Slow", lambda now: any("strategy_stale" in str(guard) for guard in now["guards"])),
    ("Generates", lambda now: now["strategy_reason"].startswith("strategy Generates: the answer was <generator object")),
])
def test_one_that_is_slow_or_answers_nonsense_places_nothing_and_says_so(start_mine, wallet, name, shown):
    desk = start_mine(name)
    desk.wait_until(lambda now: bool(now.get("guards") is not None and shown(now)), 30, "what is wrong is shown")
    code, summary = desk.interrupt()
    assert (code, summary["orders_placed"], wallet.open_orders()) == (0, 0, 0), desk.log


def test_one_that_meddles_with_its_view_changes_nothing(start_mine, wallet):
    desk = start_mine("Meddles")
    desk.wait_until(lambda _: wallet.open_orders() == 2, 30, "two orders rest")
    assert desk.interrupt()[0] == 0
    assert wallet.open_orders() == 0
