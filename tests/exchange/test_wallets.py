"""Who signs for which wallet, and where an account's money lies."""

from __future__ import annotations

import pytest

from trader.exchange.wallets import Wallets


@pytest.fixture
def wallets():
    wallets = Wallets()
    wallets.bind("0xdeposit", "ann", 3)
    return wallets


def test_a_wallet_belongs_to_the_first_that_signs_for_it(wallets):
    wallets.bind("0xdeposit", "bob", 3)
    assert wallets.may_trade("0xdeposit", "ann", 3) and not wallets.may_trade("0xdeposit", "bob", 3)
    assert wallets.has_money("bob", 0)


def test_a_wallet_is_signed_for_in_one_way_only(wallets):
    assert not wallets.may_trade("0xdeposit", "ann", 2)


@pytest.mark.parametrize("signature_type", range(4))
def test_the_money_lies_where_the_first_order_said_and_before_it_everywhere(wallets, signature_type):
    assert wallets.has_money("ann", signature_type) is (signature_type == 3)
    assert wallets.has_money("new", signature_type)
