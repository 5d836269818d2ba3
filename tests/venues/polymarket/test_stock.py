"""What the venue's client library says of our own encoder, and what is said when it has to sign."""

from __future__ import annotations

import pytest

from trader.venues.polymarket import contracts, stock


@pytest.mark.parametrize("chain_id", contracts.CHAINS)
def test_the_exchange_contracts_are_the_librarys(chain_id: int) -> None:
    assert contracts.exchanges(chain_id) == stock.stock_exchanges(chain_id)


@pytest.mark.parametrize("chain_id", contracts.CHAINS)
def test_nothing_differs_for_any_kind_of_wallet(chain_id: int) -> None:
    assert stock.any_difference(chain_id) == ""


def test_the_library_signs_fast_where_the_declared_dependencies_are_installed(caplog: pytest.LogCaptureFixture) -> None:
    stock.warn_if_it_is_slower_still()
    assert caplog.text == ""
