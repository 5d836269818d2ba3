"""What an order is called and how it is signed. Pure; any thread.

The order's id is the EIP-712 hash of its signed fields. It is computed here by a small encoder (twelve 32-byte words and two
hashes, the domain separators made once), because the executor needs it for each order before anything is sent. The signature
itself comes from the venue's own client library, fed with the same fields; a property test holds the two equal.
"""

from __future__ import annotations

from typing import NamedTuple

import orjson
from eth_utils.crypto import keccak
from py_clob_client_v2.config import get_contract_config
from py_clob_client_v2.order_utils import ExchangeOrderBuilderV2, SignatureTypeV2
from py_clob_client_v2.order_utils import Side as WireSide
from py_clob_client_v2.order_utils.model.order_data_v2 import OrderV2
from py_clob_client_v2.signer import Signer

from trader.errors import WireError
from trader.model.order import OrderSpec, Side
from trader.model.units import BP_PER_DOLLAR
from trader.venues.contract import SignedOrder
from trader.venues.polymarket.account import Account

SIZE_STEP_MICRO = 10_000             # two decimals: with any tick the dollar amount is then exact
MAX_BATCH = 15
_ZERO_WORD = bytes(32)
_ZERO_HEX = "0x" + _ZERO_WORD.hex()
_ORDER_TYPE_HASH = keccak(text=(
    "Order(uint256 salt,address maker,address signer,uint256 tokenId,uint256 makerAmount,uint256 takerAmount,"
    "uint8 side,uint8 signatureType,uint256 timestamp,bytes32 metadata,bytes32 builder)"
))
_DOMAIN_VERSION = {"v1": "2", "v2": "3"}     # protocol generation → version of the exchange contract's domain


class Amounts(NamedTuple):
    """What the maker gives and wants, in micro-dollars and micro-shares."""

    maker: int
    taker: int


def amounts_of(order: OrderSpec) -> Amounts:
    """Exact or refused: an amount that is rounded is another price."""
    dollars, rest = divmod(order.price_bp * order.size_micro, BP_PER_DOLLAR)
    if rest or order.size_micro % SIZE_STEP_MICRO or not (0 < order.price_bp < BP_PER_DOLLAR and order.size_micro > 0):
        raise WireError(f"order of {order.size_micro} micro-shares at {order.price_bp} bp has no exact amount.",
                        remedy=f"Sizes must be positive multiples of {SIZE_STEP_MICRO}, prices 1-{BP_PER_DOLLAR - 1} bp.")
    return Amounts(dollars, order.size_micro) if order.side is Side.BUY else Amounts(order.size_micro, dollars)


class PolymarketRules:
    """Implements `model.market.VenueRules`."""

    max_batch = MAX_BATCH
    size_step_micro = SIZE_STEP_MICRO

    def __init__(self, account: Account) -> None:
        self._domains = {key: builder.app_domain_separator for key, builder in _builders(account).items()}
        self._maker, self._signer = _address_word(account.funder), _address_word(account.order_signer)
        self._signature_type = _word(account.signature_type)

    def order_id(self, order: OrderSpec) -> str:
        """About 20 µs, most of it in the two hashes."""
        amounts = amounts_of(order)
        contents = keccak(b"".join((
            _ORDER_TYPE_HASH, _word(order.salt), self._maker, self._signer, _word(int(order.token_id)),
            _word(amounts.maker), _word(amounts.taker), _word(order.side is Side.SELL), self._signature_type,
            _word(order.created_ms), _ZERO_WORD, _ZERO_WORD,
        )))
        return "0x" + keccak(b"\x19\x01" + self._domains[order.protocol, order.neg_risk] + contents).hex()


class OrderSigner:
    """Signs what PolymarketRules names. Stateless after construction; needs no network."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._builders = _builders(account)

    def sign(self, order_id: str, order: OrderSpec) -> SignedOrder:
        """The body of POST /order, or one element of POST /orders. Post-only and good till cancelled, always."""
        amounts, account = amounts_of(order), self._account
        fields = OrderV2(
            salt=str(order.salt), maker=account.funder, signer=account.order_signer, tokenId=order.token_id,
            makerAmount=str(amounts.maker), takerAmount=str(amounts.taker),
            side=WireSide.BUY if order.side is Side.BUY else WireSide.SELL, signatureType=SignatureTypeV2(account.signature_type),
            timestamp=str(order.created_ms), metadata=_ZERO_HEX, builder=_ZERO_HEX, expiration="0",
        )
        builder = self._builders[order.protocol, order.neg_risk]
        signature = builder.build_order_signature(builder.build_order_typed_data(fields))
        return SignedOrder(order_id, self._body(order, amounts, signature))

    def _body(self, order: OrderSpec, amounts: Amounts, signature: str) -> bytes:
        account = self._account
        return orjson.dumps({
            "order": {
                "salt": order.salt, "maker": account.funder, "signer": account.order_signer, "tokenId": order.token_id,
                "makerAmount": str(amounts.maker), "takerAmount": str(amounts.taker), "side": order.side.value, "expiration": "0",
                "signatureType": account.signature_type, "timestamp": str(order.created_ms), "metadata": _ZERO_HEX,
                "builder": _ZERO_HEX, "signature": signature,
            },
            "owner": account.credentials.key, "orderType": "GTC", "deferExec": False, "postOnly": True,
        })


def _builders(account: Account) -> dict[tuple[str, bool], ExchangeOrderBuilderV2]:
    """The venue's own builder for each exchange contract, by (protocol, neg_risk). Protocol V2 has one for everything."""
    contracts = get_contract_config(account.chain_id)
    exchanges = {
        ("v1", False): contracts.exchange_v2, ("v1", True): contracts.neg_risk_exchange_v2,
        ("v2", False): contracts.exchange_v3, ("v2", True): contracts.exchange_v3,
    }
    signer = Signer(account.private_key.reveal(), account.chain_id)
    return {
        (protocol, neg_risk): ExchangeOrderBuilderV2(exchange, account.chain_id, signer, domain_version=_DOMAIN_VERSION[protocol])
        for (protocol, neg_risk), exchange in exchanges.items()
    }


def _word(value: int) -> bytes:
    return int(value).to_bytes(32, "big")


def _address_word(address: str) -> bytes:
    return bytes.fromhex(address.removeprefix("0x")).rjust(32, b"\0")
