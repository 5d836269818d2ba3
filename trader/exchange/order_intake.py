"""From a `POST /order` body to an order the engine may see: shape, version, signature, amounts. Pure but for wallet binding.

Runs on REST workers, before the venue's lock is taken.
"""

from __future__ import annotations

from typing import Any

from trader.exchange import refusal
from trader.exchange.addresses import checksummed
from trader.exchange.credentials import ApiKey
from trader.exchange.orders import MarketSpec, NewOrder, OrderType, Side
from trader.exchange.refusal import Refusal
from trader.exchange.signatures import POLY_1271, SignedOrder, order_domain, order_hash, order_signer
from trader.exchange.venue import Venue
from trader.exchange.wallets import SIGNATURE_TYPES
from trader.model.units import BP_PER_DOLLAR, MICRO, notional_micro, price_to_wire, size_to_wire

EOA = 0
MOST_EXPIRES_S = 2**40                      # the year 36,812
DOLLAR_STEP_MICRO = MICRO // 100            # of a market BUY
MARKET_SHARE_STEP_MICRO = MICRO // 10_000
_V1_FIELDS = {"nonce", "feeRateBps", "taker"}
_UINT256 = 2**256


def read_order(payload: Any, api_key: ApiKey, venue: Venue) -> NewOrder:
    """An authenticated order with its id, or Refusal."""
    if not isinstance(payload, dict) or not isinstance(payload.get("order"), dict):
        raise Refusal(refusal.INVALID_PAYLOAD)
    wire = payload["order"]
    if "timestamp" not in wire or _V1_FIELDS & wire.keys():
        raise Refusal(refusal.VERSION_MISMATCH)
    try:
        signed, spec = _signed_order(wire), _spec(venue, str(wire["tokenId"]))
        order_type, expires_s = OrderType(payload["orderType"]), int(wire.get("expiration") or 0)
    except (KeyError, ValueError, TypeError, AttributeError):
        raise Refusal(refusal.INVALID_PAYLOAD) from None
    if payload.get("owner") != api_key.key:
        raise Refusal("the order owner has to be the owner of the API KEY")
    domain = order_domain(spec.version, neg_risk=spec.neg_risk)
    if not 0 <= expires_s < MOST_EXPIRES_S:
        raise Refusal(refusal.INVALID_EXPIRATION)
    _check_signature(signed, domain, api_key, venue)
    market_buy = not signed.side and not order_type.may_rest
    price_bp, size_micro = _market_buy(signed) if market_buy else price_and_size(signed, order_type, spec.tick_bp)
    return NewOrder(
        order_hash(signed, domain), api_key.address, api_key.key, signed.maker, spec,
        spec.outcome_of(str(signed.token_id)), Side.SELL if signed.side else Side.BUY, price_bp, size_micro, order_type,
        payload.get("postOnly") is True, expires_s * 1000 or None, signed.maker_amount if market_buy else 0,
    )


def _spec(venue: Venue, token_id: str) -> MarketSpec:
    try:
        return venue.spec_of_token(token_id)
    except Refusal:
        raise Refusal(f"the orderbook {token_id} does not exist") from None


def _signed_order(wire: dict[str, Any]) -> SignedOrder:
    amounts = [int(wire[name]) for name in ("salt", "tokenId", "makerAmount", "takerAmount", "timestamp")]
    signature_type = int(wire["signatureType"])
    if not all(0 <= amount < _UINT256 for amount in amounts) or signature_type not in SIGNATURE_TYPES:
        raise ValueError("out of range")
    salt, token_id, maker_amount, taker_amount, timestamp_ms = amounts
    maker, signer = checksummed(wire["maker"]), checksummed(wire["signer"])
    return SignedOrder(salt, maker, signer, token_id, maker_amount, taker_amount, ["BUY", "SELL"].index(wire["side"]),
                       signature_type, timestamp_ms, _bytes32(wire["metadata"]), _bytes32(wire["builder"]), _hex(wire["signature"]))


def _bytes32(text: str) -> bytes:
    value = _hex(text)
    if len(value) != 32:
        raise ValueError("not 32 bytes")
    return value


def _hex(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def _check_signature(signed: SignedOrder, domain: bytes, api_key: ApiKey, venue: Venue) -> None:
    """Types 0 to 2: the EOA itself signs. Type 3: it signs for a deposit wallet, which is both maker and signer."""
    wallet_signs = signed.signature_type == POLY_1271
    recovered = order_signer(signed, domain)
    if recovered is None or (not wallet_signs and recovered != signed.signer):
        raise Refusal(refusal.INVALID_SIGNATURE)
    if recovered != api_key.address:
        raise Refusal(refusal.INVALID_SIGNATURE if wallet_signs else refusal.WRONG_SIGNER)
    if (wallet_signs and signed.maker != signed.signer) or (signed.signature_type == EOA) != (signed.maker == recovered):
        raise Refusal(refusal.INVALID_SIGNATURE)
    if not venue.wallets.has_money(api_key.address, signed.signature_type):
        raise Refusal(refusal.NOT_ENOUGH)
    if not venue.bind_wallet(signed.maker, api_key.address, signed.signature_type):
        raise Refusal(refusal.INVALID_SIGNATURE)


def _market_buy(signed: SignedOrder) -> tuple[int, int]:
    """FOK and FAK BUYs spend dollars: they may have two decimals, and the shares, which only state the worst price, four."""
    if signed.maker_amount % DOLLAR_STEP_MICRO or signed.taker_amount % MARKET_SHARE_STEP_MICRO:
        raise Refusal(refusal.wrong_precision("market buy", 2, 4))
    return _nearest_bp(signed.maker_amount, signed.taker_amount), signed.taker_amount


def price_and_size(signed: SignedOrder, order_type: OrderType, tick_bp: int) -> tuple[int, int]:
    """Dollars over shares. Resting orders must hit the price exactly; a market SELL carries rounded dollars, nearest counts."""
    dollars, size_micro = (signed.taker_amount, signed.maker_amount) if signed.side else (signed.maker_amount, signed.taker_amount)
    price_bp = _nearest_bp(dollars, size_micro)
    if order_type.may_rest and price_bp * size_micro != dollars * BP_PER_DOLLAR:
        tick_price_bp = (price_bp + tick_bp // 2) // tick_bp * tick_bp
        raise Refusal(f"invalid amounts, the {'taker' if signed.side else 'maker'} amount for a ${price_to_wire(tick_price_bp)} order "
                      f"of size {size_to_wire(size_micro)} should be '{size_to_wire(notional_micro(tick_price_bp, size_micro))}' but the "
                      f"value submitted is '{size_to_wire(dollars)}'")
    return price_bp, size_micro


def _nearest_bp(dollars: int, size_micro: int) -> int:
    if not size_micro or not dollars:
        raise Refusal(refusal.INVALID_PAYLOAD)
    return (2 * dollars * BP_PER_DOLLAR + size_micro) // (2 * size_micro)
