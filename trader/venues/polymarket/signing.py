"""What an order is called and how it is signed. Pure; any thread.

The order's id is the EIP-712 hash of its signed fields; the executor needs it for each order before anything is sent. For wallets
of type 0-2 that hash is also what is signed, so a signature can never be of another order than the one that the executor tracks.

Both are made by our own encoder (`eip712`), or by the venue's client library (`stock`) if the two do not agree (`way_to_sign`).
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import orjson

from trader.errors import WireError
from trader.model.order import OrderSpec, Side
from trader.model.units import BP_PER_DOLLAR
from trader.venues.contract import SignedOrder
from trader.venues.polymarket.account import DEPOSIT_WALLET, Account
from trader.venues.polymarket.contracts import DOMAIN_VERSION, exchanges
from trader.venues.polymarket.eip712 import DepositWalletWrap, OrderEncoder, OrderWords, digest, domain_separator
from trader.venues.polymarket.wallet import Wallet

SIZE_STEP_MICRO = 10_000             # two decimals: with any tick the dollar amount is then exact
MAX_SIZE_MICRO = 10**15              # a billion shares; every amount then fits 64 bits
MAX_BATCH = 15
ZERO_HEX = "0x" + bytes(32).hex()


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
        self._wallet = Wallet(account.private_key.reveal())
        self._wrap = DepositWalletWrap(account.funder, account.chain_id) if account.signature_type == DEPOSIT_WALLET else None
        self._domains = {key: domain_separator(DOMAIN_VERSION[key[0]], account.chain_id, contract)
                         for key, contract in exchanges(account.chain_id).items()}

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
                "signatureType": account.signature_type, "timestamp": str(order.created_ms), "metadata": ZERO_HEX,
                "builder": ZERO_HEX, "signature": self._signing.signature(order_id, order),
            },
            "owner": account.credentials.key, "orderType": "FAK" if order.takes else "GTC", "deferExec": False,
            "postOnly": not order.takes,
        }))
