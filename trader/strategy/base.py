"""Finds the quoting rule that conf.yaml names. The rule's own contract is `model.intent.Strategy`."""

from __future__ import annotations

from collections.abc import Callable

from trader.errors import ConfigError
from trader.model.intent import Strategy
from trader.strategy.library.two_sided import TwoSided
from trader.strategy.settings import StrategySettings

LIBRARY: dict[str, Callable[[StrategySettings], Strategy]] = {"two_sided": TwoSided}


def strategy_named(settings: StrategySettings) -> Strategy:
    """The rule called `settings.name`, built with these settings."""
    build = LIBRARY.get(settings.name)
    if build is None:
        raise ConfigError(f"strategy.name: was {settings.name!r}, must be one of {', '.join(sorted(LIBRARY))}.",
                          remedy="Set strategy.name in conf.yaml, or pass Trader a strategy of your own.")
    return build(settings)
