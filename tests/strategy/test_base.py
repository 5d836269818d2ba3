import sys

import pytest

from trader.errors import ConfigError
from trader.strategy.base import LIBRARY, strategy_named
from trader.strategy.check import fault_in
from trader.strategy.library.two_sided import TwoSided
from trader.strategy.settings import StrategySettings

PARAMS = {"bands": '{"bands":[{"minMargin":0.01,"avgMargin":0.01,"maxMargin":0.02,"minAmount":10,"avgAmount":20,"maxAmount":30}]}'}
MINE = """
from dataclasses import dataclass
from trader.model.setting import setting

@dataclass(frozen=True)
class MineParams:
    edge: int = setting(3, low=1, high=9)

class Mine:
    Params = MineParams
    def __init__(self, settings, params):
        self.hz, self.edge = settings.strategy_hz, params.edge
    def quote(self, view): ...

class Bare:
    def quote(self, view): ...

class NoRule: ...

class Raises:
    def __init__(self): raise RuntimeError("no licence")
    def quote(self, view): ...

class Exits:
    def __init__(self): raise SystemExit(0)
    def quote(self, view): ...

class Unchecked:
    @dataclass(frozen=True)
    class Params:
        edge: float = 1.0
        def __post_init__(self): raise ValueError("edge must be odd")
    def __init__(self, settings, params): ...
    def quote(self, view): ...

class NoDataclass:
    Params = dict
    def __init__(self, settings, params): ...
    def quote(self, view): ...

class UnknownType:
    @dataclass(frozen=True)
    class Params:
        edge: "Absent" = 1
    def __init__(self, settings, params): ...
    def quote(self, view): ...
"""


@pytest.fixture
def my_module(tmp_path):
    (tmp_path / "my_rules_of_a_test.py").write_text(MINE)
    (tmp_path / "my_broken_rules_of_a_test.py").write_text("1 / 0")
    (tmp_path / "my_leaving_rules_of_a_test.py").write_text("raise SystemExit(0)")
    sys.path.insert(0, str(tmp_path))
    yield "my_rules_of_a_test"
    sys.path.remove(str(tmp_path))


def test_the_default_name_finds_two_sided():
    assert isinstance(strategy_named(StrategySettings()), TwoSided)


@pytest.mark.parametrize("name", LIBRARY)
def test_every_rule_of_the_library_can_be_built_and_quotes_a_calm_market_in_good_form(make, name):
    rule = strategy_named(StrategySettings(name=name, params=PARAMS.get(name, "")))
    assert fault_in(rule.quote(make.view()), 100) is None


def test_an_unknown_name_lists_those_that_exist():
    with pytest.raises(ConfigError, match=r"was 'twosided', must be one of two_sided, avellaneda_stoikov, .* or module:Class"):
        strategy_named(StrategySettings(name="twosided"))


def test_a_rule_of_ones_own_gets_settings_and_its_validated_params(my_module):
    mine = strategy_named(StrategySettings(name=f"{my_module}:Mine", params='{"edge": 5}', strategy_hz=7))
    assert (mine.hz, mine.edge) == (7, 5)
    with pytest.raises(ConfigError, match=r"strategy.params.edge: was 10, must be at most 9"):
        strategy_named(StrategySettings(name=f"{my_module}:Mine", params='{"edge": 10}'))


def test_a_rule_without_params_is_built_with_nothing_and_refuses_some(my_module):
    assert strategy_named(StrategySettings(name=f"{my_module}:Bare"))
    with pytest.raises(ConfigError, match="Bare has no parameters"):
        strategy_named(StrategySettings(name=f"{my_module}:Bare", params='{"edge": 5}'))


@pytest.mark.parametrize(("kind", "said"), [
    ("Raises", "RuntimeError: no licence"), ("Exits", "SystemExit: 0"), ("Unchecked", "ValueError: edge must be odd"),
    ("NoDataclass", "TypeError: "), ("UnknownType", "NameError: name 'Absent'"),
])
def test_whatever_a_rule_of_ones_own_raises_while_it_is_built_is_one_clear_refusal(my_module, kind, said):
    with pytest.raises(ConfigError, match=f"strategy.name: {my_module}:{kind} cannot be built .{said}"):
        strategy_named(StrategySettings(name=f"{my_module}:{kind}"))


@pytest.mark.parametrize(("name", "said"), [
    ("my_leaving_rules_of_a_test:X", "cannot be imported .SystemExit: 0"),
    ("email:X", "email .* has no class 'X'"),
    ("no_such_module_of_a_test:X", "cannot be imported .ModuleNotFoundError.* PYTHONPATH"),
    ("my_broken_rules_of_a_test:X", "cannot be imported .ZeroDivisionError"),
    ("my_rules_of_a_test:Absent", "my_rules_of_a_test.py. has no class 'Absent' with a method `quote`"),
    ("my_rules_of_a_test:NoRule", "has no class 'NoRule' with a method `quote`"),
    ("my_rules_of_a_test:", "must be one of"),
])
def test_a_rule_that_is_not_there_is_refused_by_name(my_module, name, said):
    with pytest.raises(ConfigError, match=said):
        strategy_named(StrategySettings(name=name))
