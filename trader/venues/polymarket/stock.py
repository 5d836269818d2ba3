"""The venue's client library: a second opinion on what our own encoder makes, and what signs in its place when the two differ. Pure.

    python -m trader.venues.polymarket.stock 137       # compares; says "no difference", or the first one and ends with 1

Loading it takes a second and 30 MB, which is why a desk has it done by a process that ends (`comparison`).
"""

from __future__ import annotations

import logging
import secrets
import sys

from py_clob_client_v2.config import get_contract_config
from py_clob_client_v2.headers import create_level_1_headers
from py_clob_client_v2.order_utils import ExchangeOrderBuilderV2, SignatureTypeV2
from py_clob_client_v2.order_utils import Side as WireSide
from py_clob_client_v2.order_utils.model.order_data_v2 import OrderV2
from py_clob_client_v2.signer import Signer

from trader.model.order import OrderSpec, Side
from trader.model.setting import Secret
from trader.model.units import PriceBp, SizeMicro
from trader.venues.polymarket.account import EOA, Account, ApiCredentials
from trader.venues.polymarket.comparison import NO_DIFFERENCE
from trader.venues.polymarket.contracts import DOMAIN_VERSION, ExchangeKey, exchanges
from trader.venues.polymarket.signing import ZERO_HEX, OwnSigning, Signing, amounts_of
from trader.venues.polymarket.wallet import Wallet, checksummed

log = logging.getLogger(__name__)

_FAST_BACKEND = "CoinCurveECCBackend"
_SECONDS = 1_795_000_000


class StockSigning:
    """Implements `signing.Signing`. It holds the interpreter for a third of a millisecond an order (three without coincurve)."""

    def __init__(self, account: Account) -> None:
        self._account = account
        signer = Signer(account.private_key.reveal(), account.chain_id)
        self._builders = {
            key: ExchangeOrderBuilderV2(contract, account.chain_id, signer, domain_version=DOMAIN_VERSION[key[0]])
            for key, contract in stock_exchanges(account.chain_id).items()
        }

    def order_id(self, order: OrderSpec) -> str:
        builder = self._builders[order.protocol, order.neg_risk]
        return str(builder.build_order_hash(builder.build_order_typed_data(self._fields(order))))

    def signature(self, order_id: str, order: OrderSpec) -> str:
        builder = self._builders[order.protocol, order.neg_risk]
        return str(builder.build_order_signature(builder.build_order_typed_data(self._fields(order))))

    def _fields(self, order: OrderSpec) -> OrderV2:
        amounts, account = amounts_of(order), self._account
        return OrderV2(
            salt=str(order.salt), maker=account.funder, signer=account.order_signer, tokenId=order.token_id,
            makerAmount=str(amounts.maker), takerAmount=str(amounts.taker),
            side=WireSide.BUY if order.side is Side.BUY else WireSide.SELL, signatureType=SignatureTypeV2(account.signature_type),
            timestamp=str(order.created_ms), metadata=ZERO_HEX, builder=ZERO_HEX, expiration="0",
        )


def choose_signing(own: Signing, stock: Signing) -> Signing:
    """`own`, if it makes the very bytes that the venue's client makes. Takes some 10 ms; once at start."""
    different = first_difference(own, stock)
    if different is None:
        log.info("orders are signed by our own encoder; it agrees with py-clob-client-v2 on %d kinds of order", len(_probes()))
        return own
    log.warning("orders are signed by py-clob-client-v2, ten times slower: our own encoder disagrees with it on %s. "
                "Compare the installed version with setup.cfg and run tests/venues/polymarket/test_signing.py.", different)
    warn_if_it_is_slower_still()
    return stock


def warn_if_it_is_slower_still() -> None:
    """eth_keys picks its backend by what is installed; its fallback takes ten times longer and holds the interpreter."""
    from eth_keys.backends import get_backend  # noqa: PLC0415 - loads a native library
    backend = type(get_backend()).__name__
    if backend != _FAST_BACKEND:
        log.warning("signing is slow: eth_keys uses %s, not %s. Install coincurve to sign ten times faster.", backend, _FAST_BACKEND)


def stock_exchanges(chain_id: int) -> dict[ExchangeKey, str]:
    """As `contracts.exchanges`, by the library's own table."""
    contracts = get_contract_config(chain_id)
    return {
        ("v1", False): contracts.exchange_v2, ("v1", True): contracts.neg_risk_exchange_v2,
        ("v2", False): contracts.exchange_v3, ("v2", True): contracts.exchange_v3,
    }


def first_difference(own: Signing, stock: Signing) -> OrderSpec | None:
    return next((order for order in _probes() if not _agree(own, stock, order)), None)


def any_difference(chain_id: int) -> str:
    """Everything that is made in the library's stead, with a key that nobody has: contracts, address, login, orders of every kind of
    wallet. Empty when each byte is the same."""
    key, funder = "0x" + secrets.token_hex(32), checksummed("0x" + secrets.token_hex(20))
    wallet, signer = Wallet(key), Signer(key, chain_id)
    if exchanges(chain_id) != stock_exchanges(chain_id):
        return f"the exchange contracts of chain {chain_id}"
    if wallet.login_headers(chain_id, _SECONDS) != create_level_1_headers(signer, nonce=0, timestamp=_SECONDS):
        return "the headers of a login"
    for kind in SignatureTypeV2:
        account = Account(wallet.address, wallet.address if kind == EOA else funder, int(kind), chain_id, Secret(key),
                          ApiCredentials("", Secret(""), Secret(""), b""))
        different = first_difference(OwnSigning(account), StockSigning(account))
        if different is not None:
            return f"an order of wallet type {int(kind)}: {different}"
    return ""


def _probes() -> list[OrderSpec]:
    """One order of every kind, with numbers that fill their words from both ends."""
    token_ids = ("1", str(2**256 - 1))
    return [
        OrderSpec("", token_id, side, PriceBp(5_100), SizeMicro(123_450_000), 2**53 - 1, 1_795_000_000_123, protocol, neg_risk)
        for protocol in DOMAIN_VERSION for neg_risk in (False, True)
        for token_id, side in zip(token_ids, Side, strict=True)
    ]


def _agree(own: Signing, stock: Signing, order: OrderSpec) -> bool:
    try:
        order_id = own.order_id(order)
        return order_id == stock.order_id(order) and own.signature(order_id, order) == stock.signature(order_id, order)
    except Exception as why:                 # of whatever kind: an encoder that cannot sign a probe must not sign an order
        log.warning("signing: the self-test failed (%s: %s)", type(why).__name__, why)
        return False


if __name__ == "__main__":
    verdict = any_difference(int(sys.argv[1]))
    sys.stdout.write(f"{verdict or NO_DIFFERENCE}\n")
    sys.exit(bool(verdict))
