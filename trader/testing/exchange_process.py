"""The embedded exchange for the length of a `with` block, for system tests and for authors of bots.

    with running_exchange(speed=72, seed=7) as exchange:
        client = ClobClient(exchange.rest_url, 137, key=...)
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from trader.exchange.child import ExchangeChild, ExchangeUrls


@contextmanager
def running_exchange(**options: Any) -> Iterator[ExchangeUrls]:
    """Options are the command line's, with underscores: `running_exchange(speed=72, settle_ms=200, protocol="v2")`."""
    child = ExchangeChild(**options)
    try:
        yield child.urls
    finally:
        child.stop()
