"""Which of the two ways to sign is taken: ours, or the venue's client library, which is ten times slower and brings 30 MB with it.

They are compared once at start, in a process of its own (`comparison`). The library is only loaded here when that did not end well, and
used when the two differ in a single byte. Called by whoever starts a desk, before any thread runs.
"""

from __future__ import annotations

import logging

from trader.venues.polymarket.account import Account
from trader.venues.polymarket.comparison import StockComparison
from trader.venues.polymarket.signing import OwnSigning, Signing

log = logging.getLogger(__name__)


def account_signing(account: Account, comparison: StockComparison) -> Signing:
    """Our own way, once `comparison` has found no difference; it is waited for here."""
    own, problem = OwnSigning(account), comparison.problem()
    if not problem:
        log.info("orders are signed by our own encoder; it agrees with py-clob-client-v2 on every kind of order")
        return own
    log.warning("signing: %s; comparing here, with py-clob-client-v2 loaded into this process", problem)
    from trader.venues.polymarket.stock import StockSigning, choose_signing  # noqa: PLC0415 - 30 MB that are hardly ever needed
    return choose_signing(own, StockSigning(account))
