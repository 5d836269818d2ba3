"""What an order is called and how it is signed. Pure; any thread.

The order's id is the EIP-712 hash of its signed fields; the executor needs it for each order before anything is sent. For wallets
of type 0-2 that hash is also what is signed, so a signature can never be of another order than the one that the executor tracks.

There are two ways to make both: our own encoder (`eip712`) and the venue's client library, which is ten times slower. They are
compared once at start on orders of every kind; when they differ in a single byte, the venue's own is used, and the log says so.
"""

from __future__ import annotations

import logging
from typing import NamedTuple, Protocol

import orjson
from py_clob_client_v2.config import get_contract_config
from py_clob_client_v2.order_utils import ExchangeOrderBuilderV2, SignatureTypeV2
from py_clob_client_v2.order_utils import Side as WireSide
from py_clob_client_v2.order_utils.model.order_data_v2 import OrderV2
from py_clob_client_v2.signer import Signer

from trader.errors import WireError
from trader.model.order import OrderSpec, Side
from trader.model.units import BP_PER_DOLLAR, PriceBp, SizeMicro
from trader.venues.contract import SignedOrder
from trader.venues.polymarket.account import DEPOSIT_WALLET, Account
from trader.venues.polymarket.eip712 import (
    DepositWalletWrap,
    OrderEncoder,
    OrderWords,
    WalletSigner,
    digest,
    domain_separator,
)

log = logging.getLogger(__name__)

SIZE_STEP_MICRO = 10_000             # two decimals: with any tick the dollar amount is then exact
MAX_SIZE_MICRO = 10**15              # a billion shares; every amount then fits 64 bits
MAX_BATCH = 15
_ZERO_HEX = "0x" + bytes(32).hex()
_DOMAIN_VERSION = {"v1": "2", "v2": "3"}     # protocol generation → version of the exchange contract's domain
ExchangeKey = tuple[str, bool]               # (protocol, neg_risk)


class Amounts(NamedTuple):
    """What the maker gives and wants, in micro-dollars and micro-shares."""

    maker: int
    taker: int


def amounts_of(order: OrderSpec) -> Amounts:
    """Exact or refused: an amount that is rounded is another price."""
    dollars, rest = divmod(order.price_bp * order.size_micro, BP_PER_DOLLAR)
    if (rest or order.size_micro % SIZE_STEP_MICRO
            or not (0 < order.price_bp < BP_PER_DOLLAR and 0 < order.size_micro <= MAX_SIZE_MICRO)):
        raise WireError(f"order of {order.size_micro} micro-shares at {order.price_bp} bp has no exact amount.",
                        remedy=f"Sizes must be positive multiples of {SIZE_STEP_MICRO} up to {MAX_SIZE_MICRO}, "
                               f"prices 1-{BP_PER_DOLLAR - 1} bp.")
    return Amounts(dollars, order.size_micro) if order.side is Side.BUY else Amounts(order.size_micro, dollars)


class Signing(Protocol):
    """One account's ids and signatures. Stateless after construction: shared by the executor and all gateway threads."""

    def order_id(self, order: OrderSpec) -> str: ...
    def signature(self, order_id: str, order: OrderSpec) -> str: ...


class OwnSigning:
    """About 6 µs an id and 40 µs a signature."""

    def __init__(self, account: Account) -> None:
        self._encoder = OrderEncoder(account.funder, account.order_signer, account.signature_type)
        self._wallet = WalletSigner(account.private_key.reveal())
        self._wrap = DepositWalletWrap(account.funder, account.chain_id) if account.signature_type == DEPOSIT_WALLET else None
        self._domains = {key: domain_separator(_DOMAIN_VERSION[key[0]], account.chain_id, contract)
                         for key, contract in _exchanges(account.chain_id).items()}

    def order_id(self, order: OrderSpec) -> str:
        return "0x" + digest(self._domains[order.protocol, order.neg_risk], self._contents(order)).hex()

    def signature(self, order_id: str, order: OrderSpec) -> str:
        if self._wrap is None:
            return "0x" + self._wallet.sign(bytes.fromhex(order_id[2:])).hex()
        domain, contents = self._domains[order.protocol, order.neg_risk], self._contents(order)
        signature = self._wallet.sign(self._wrap.digest(domain, contents))
        return "0x" + self._wrap.wrap(signature, domain, contents).hex()

    def _contents(self, order: OrderSpec) -> bytes:
        amounts = amounts_of(order)
        return self._encoder.contents(OrderWords(order.salt, int(order.token_id), amounts.maker, amounts.taker,
                                                 order.side is Side.SELL, order.created_ms))


class StockSigning:
    """The venue's client library. It holds the interpreter for a third of a millisecond an order (three without coincurve)."""

    def __init__(self, account: Account) -> None:
        self._account = account
        signer = Signer(account.private_key.reveal(), account.chain_id)
        self._builders = {
            key: ExchangeOrderBuilderV2(contract, account.chain_id, signer, domain_version=_DOMAIN_VERSION[key[0]])
            for key, contract in _exchanges(account.chain_id).items()
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
            timestamp=str(order.created_ms), metadata=_ZERO_HEX, builder=_ZERO_HEX, expiration="0",
        )


def choose_signing(own: Signing, stock: Signing) -> Signing:
    """`own`, if it makes the very bytes that the venue's client makes. Takes some 10 ms; once at start."""
    different = next((order for order in _probes() if not _agree(own, stock, order)), None)
    if different is None:
        log.info("orders are signed by our own encoder; it agrees with py-clob-client-v2 on %d kinds of order", len(_probes()))
        return own
    log.warning("orders are signed by py-clob-client-v2, ten times slower: our own encoder disagrees with it on %s. "
                "Compare the installed version with setup.cfg and run tests/venues/polymarket/test_signing.py.", different)
    return stock


def account_signing(account: Account) -> Signing:
    return choose_signing(OwnSigning(account), StockSigning(account))


class PolymarketRules:
    """Implements `model.market.VenueRules`."""

    max_batch = MAX_BATCH
    size_step_micro = SIZE_STEP_MICRO

    def __init__(self, signing: Signing) -> None:
        self._signing = signing

    def order_id(self, order: OrderSpec) -> str:
        return self._signing.order_id(order)


class OrderSigner:
    """Signs what PolymarketRules names. Stateless after construction; needs no network."""

    def __init__(self, account: Account, signing: Signing) -> None:
        self._account, self._signing = account, signing

    def sign(self, order_id: str, order: OrderSpec) -> SignedOrder:
        """The body of POST /order, or one element of POST /orders. It rests post-only, or takes what it can at once."""
        account, amounts = self._account, amounts_of(order)
        return SignedOrder(order_id, orjson.dumps({
            "order": {
                "salt": order.salt, "maker": account.funder, "signer": account.order_signer, "tokenId": order.token_id,
                "makerAmount": str(amounts.maker), "takerAmount": str(amounts.taker), "side": order.side.value, "expiration": "0",
                "signatureType": account.signature_type, "timestamp": str(order.created_ms), "metadata": _ZERO_HEX,
                "builder": _ZERO_HEX, "signature": self._signing.signature(order_id, order),
            },
            "owner": account.credentials.key, "orderType": "FAK" if order.takes else "GTC", "deferExec": False,
            "postOnly": not order.takes,
        }))


def exchange_of(chain_id: int, protocol: str, neg_risk: bool) -> str:
    """The contract that may take our money and tokens when an order of such a market is filled."""
    return _exchanges(chain_id)[protocol, neg_risk]


def _exchanges(chain_id: int) -> dict[ExchangeKey, str]:
    """The contract that each kind of market settles on. Protocol V2 has one for everything."""
    contracts = get_contract_config(chain_id)
    return {
        ("v1", False): contracts.exchange_v2, ("v1", True): contracts.neg_risk_exchange_v2,
        ("v2", False): contracts.exchange_v3, ("v2", True): contracts.exchange_v3,
    }


def _probes() -> list[OrderSpec]:
    """One order of every kind, with numbers that fill their words from both ends."""
    token_ids = ("1", str(2**256 - 1))
    return [
        OrderSpec("", token_id, side, PriceBp(5_100), SizeMicro(123_450_000), 2**53 - 1, 1_795_000_000_123, protocol, neg_risk)
        for protocol in _DOMAIN_VERSION for neg_risk in (False, True)
        for token_id, side in zip(token_ids, Side, strict=True)
    ]


def _agree(own: Signing, stock: Signing, order: OrderSpec) -> bool:
    try:
        order_id = own.order_id(order)
        return order_id == stock.order_id(order) and own.signature(order_id, order) == stock.signature(order_id, order)
    except Exception as why:                 # of whatever kind: an encoder that cannot sign a probe must not sign an order
        log.warning("signing: the self-test failed (%s: %s)", type(why).__name__, why)
        return False
