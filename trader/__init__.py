"""Market making on prediction exchanges with operating-system threads, one thread per role.

    quotes out   venue ⇒ feeds/ → handoff/cache → strategy/ → handoff/mailbox → executor/ → handoff/outbox → gateway/ ⇒ venue
    truth back   user stream, gateway results → handoff/inbox → executor/ → handoff/cache (inventory) → strategy/

    from trader import Trader, load_config

    with Trader(load_config("conf.yaml")) as trader:
        trader.wait(60)
        print(trader.stats())

Importing this package starts nothing and loads nothing: each name is imported when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trader.app import Trader
    from trader.config import load_config
    from trader.errors import TraderError
    from trader.model.intent import Strategy

__all__ = ["Strategy", "Trader", "TraderError", "load_config"]
__version__ = "0.1.0"

_HOME = {"Strategy": "trader.model.intent", "Trader": "trader.app", "TraderError": "trader.errors", "load_config": "trader.config"}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'trader' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
