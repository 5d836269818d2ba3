"""Faults on order at a running exchange, for the length of a `with` block. Kinds and parameters: docs/exchange.md.

    with exchange_fault(urls, kind="freeze", channel="market", for_ms=3000) as fault:
        ...
    assert fault.strikes > 0
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from trader.errors import TraderError
from trader.exchange.child import ExchangeUrls


class OrderedFault:
    """One fault that was ordered. Any thread."""

    def __init__(self, rest_url: str, number: int) -> None:
        self._url, self._number = f"{rest_url}/control/faults", number
        self._ended: dict[str, Any] | None = None

    def row(self) -> dict[str, Any]:
        """As `GET /control/faults` shows it; as it was when it ended, afterwards."""
        return self._ended or next(row for row in httpx.get(self._url).json() if row["id"] == self._number)

    @property
    def strikes(self) -> int:
        return int(self.row()["strikes"])

    def end(self) -> None:
        if self._ended is None:
            self._ended, = httpx.delete(f"{self._url}/{self._number}").json()


@contextmanager
def exchange_fault(urls: ExchangeUrls, *, kind: str, **parameters: Any) -> Iterator[OrderedFault]:
    """The fault is on from here to the end of the block, or for as long as `for_ms` and `times` say. Raises TraderError on nonsense."""
    answer = httpx.post(f"{urls.rest_url}/control/faults", json={"kind": kind, **parameters})
    if answer.status_code != 200:
        raise TraderError(f"the exchange refused the fault: {answer.json()['error']}",
                          remedy="docs/exchange.md lists kinds and parameters.")
    fault = OrderedFault(urls.rest_url, answer.json()["id"])
    try:
        yield fault
    finally:
        fault.end()
