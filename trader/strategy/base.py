"""Finds the quoting rule that conf.yaml names and builds it. The rule's own contract is `model.intent.Strategy`.

A rule is a class with `quote`. If it has a class attribute `Params` (`strategy.params`), it is built with `(settings, params)`,
else with nothing. Those of the library stand in `LIBRARY`; one of your own is named `module:Class`.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, cast

from trader.errors import ConfigError
from trader.model.intent import Strategy
from trader.strategy.library.amm import Amm
from trader.strategy.library.avellaneda_stoikov import AvellanedaStoikov
from trader.strategy.library.bands import Bands
from trader.strategy.library.join_best import JoinBest
from trader.strategy.library.observer import Observer
from trader.strategy.library.two_sided import TwoSided
from trader.strategy.params import params_from
from trader.strategy.settings import StrategySettings

_ANYTHING = (Exception, SystemExit)      # what somebody else's module may do; on a reload it must not end the thread that asked

LIBRARY: dict[str, type[Strategy]] = {
    "two_sided": TwoSided,
    "avellaneda_stoikov": AvellanedaStoikov,
    "bands": Bands,
    "amm": Amm,
    "join_best": JoinBest,
    "observer": Observer,
}


def strategy_named(settings: StrategySettings) -> Strategy:
    """The rule called `settings.name`, built with `settings.params`. Raises ConfigError with everything that is wrong."""
    if settings.name in LIBRARY:
        return _built(LIBRARY[settings.name], settings)
    kind = _class_of_user(settings.name)
    try:
        return _built(kind, settings)
    except ConfigError:
        raise
    except _ANYTHING as why:
        raise ConfigError(f"strategy.name: {settings.name} cannot be built ({type(why).__name__}: {why}).",
                          remedy="Correct its Params and its __init__; docs/write-a-strategy.md shows both.") from why


def _built(kind: type[Strategy], settings: StrategySettings) -> Strategy:
    accepted = getattr(kind, "Params", None)
    if accepted is not None:
        return cast(Strategy, cast(Any, kind)(settings, params_from(accepted, settings.params)))
    if settings.params not in ("", "{}"):
        raise ConfigError(f"strategy.params: {settings.name} has no parameters.", remedy="Remove strategy.params.")
    return kind()


def _class_of_user(name: str) -> type[Strategy]:
    module_name, colon, class_name = name.partition(":")
    if not (colon and module_name and class_name):
        raise ConfigError(f"strategy.name: was {name!r}, must be one of {', '.join(LIBRARY)}, or module:Class of your own.",
                          remedy="Set strategy.name in conf.yaml.")
    try:
        module = import_module(module_name)
        found = getattr(module, class_name, None)
    except _ANYTHING as why:
        raise ConfigError(f"strategy.name: {module_name} cannot be imported ({type(why).__name__}: {why}).",
                          remedy="Put it beside conf.yaml or into the current folder, or its folder on PYTHONPATH; correct it.") from why
    if not isinstance(found, type) or not callable(getattr(found, "quote", None)):
        raise ConfigError(f"strategy.name: {module_name} ({getattr(module, '__file__', None)}) has no class {class_name!r} with a "
                          "method `quote`.", remedy="docs/write-a-strategy.md shows one. If that is another module, rename yours.")
    return found
