"""What a worker does with its books beside keeping them: the place where a user's own code runs. `fleet.handler_factory` names it.

Runs on the only thread of a worker process. It must return quickly: while it works, no book of this worker moves.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple, Protocol, cast

from trader.errors import ConfigError
from trader.feeds.token_book import TokenBook
from trader.venues.contract import LastTrade

Action = dict[str, Any]                  # plain JSON values; goes up to the fleet as it is


class WatchedMarket(NamedTuple):
    """`group`: markets of the same one are all in this worker (`fleet.link_groups`). Slugs may be empty."""

    condition_id: str
    tokens: tuple[str, str]
    slug: str
    event: str
    series: str
    group: str


class Handler(Protocol):
    """One a worker process. What it raises is counted and logged, and never stops a book."""

    def on_market(self, market: WatchedMarket) -> None:
        """From now on it is watched; its books follow. Once, until `on_gone`."""
        ...
    def on_book(self, condition_id: str, book: TokenBook, received_ns: int) -> None:
        """A whole book has changed; once a receive batch and token, however many changes there were."""
        ...
    def on_trade(self, condition_id: str, trade: LastTrade) -> None: ...
    def on_gone(self, condition_id: str) -> None:
        """The market has ended and its books are forgotten."""
        ...
    def take_actions(self) -> list[Action]:
        """What is to be done since the last call. Called once a receive batch."""
        ...


class WatchOnly:
    """The default: books, and nothing else."""

    def on_market(self, market: WatchedMarket) -> None:
        pass

    def on_book(self, condition_id: str, book: TokenBook, received_ns: int) -> None:
        pass

    def on_trade(self, condition_id: str, trade: LastTrade) -> None:
        pass

    def on_gone(self, condition_id: str) -> None:
        pass

    def take_actions(self) -> list[Action]:
        return []


def handler_named(name: str, worker: int) -> Handler:
    """The handler of `module:factory`; the factory is called with the number of the worker. Raises ConfigError."""
    if not name:
        return WatchOnly()
    module_name, colon, factory_name = name.partition(":")
    try:
        if not colon:
            raise ValueError("there is no colon")
        handler = getattr(import_module(module_name), factory_name)(worker)
    except Exception as why:                     # whatever a user's module raises while it loads
        raise ConfigError(f"fleet.handler_factory was {name!r}, must be module:factory of something that can be called with the "
                          f"worker's number ({type(why).__name__}: {why}).", remedy="Correct it, or leave it empty.") from why
    missing = [one for one in ("on_market", "on_book", "on_trade", "on_gone", "take_actions") if not callable(getattr(handler, one, None))]
    if missing:
        raise ConfigError(f"fleet.handler_factory was {name!r}, whose handler has no {', '.join(missing)}.",
                          remedy="trader/fleet/handler.py shows what a handler has.")
    return cast(Handler, handler)
