import pytest

from trader.errors import ConfigError
from trader.model.setting import limits_of
from trader.strategy.base import LIBRARY, strategy_named
from trader.strategy.library.two_sided import TwoSided
from trader.strategy.settings import StrategySettings


def test_the_default_name_finds_two_sided():
    assert isinstance(strategy_named(StrategySettings()), TwoSided)


def test_every_name_that_conf_yaml_allows_is_in_the_library():
    declared = StrategySettings.__dataclass_fields__["name"]
    assert set(limits_of(declared).choices) == set(LIBRARY)


def test_an_unknown_name_lists_those_that_exist():
    with pytest.raises(ConfigError, match="was 'twosided', must be one of two_sided"):
        strategy_named(StrategySettings(name="twosided"))
