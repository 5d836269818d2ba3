"""An answer other than 200: what the venue says when it declines. The texts are the live venue's, word for word."""

from __future__ import annotations

from typing import Any

ALREADY_MATCHED = "the order is already matched"
BAD_API_KEY = "Unauthorized/Invalid api key"
BAD_L1_HEADERS = "Invalid L1 Request headers"
CROSSES = "invalid post-only order: order crosses book"
FAK_KILLED = "no orders found to match with FAK order. FAK orders are partially filled or killed if no match is found."
FOK_KILLED = "order couldn't be fully filled. FOK orders are fully filled or killed."
INVALID_ASSET = "Invalid asset type"
INVALID_EXPIRATION = "invalid expiration"
INVALID_PAYLOAD = "Invalid order payload"
INVALID_SIDE = "Invalid side"
INVALID_SIGNATURE = "invalid signature"
HELD_BACK = "order is delayed and cannot be canceled until it is matched"
INVALID_TOKEN = "Invalid token id"
NOT_CANCELLABLE = "Order not found or already canceled"
NOT_ENOUGH = "not enough balance / allowance"
NOT_READY = "the market is not yet ready to process new orders"
NO_BOOK = "No orderbook exists for the requested token id"
VERSION_MISMATCH = "order_version_mismatch"
WRONG_SIGNER = "the order signer address has to be the address of the API KEY"


def wrong_precision(side: str, maker_decimals: int, taker_decimals: int) -> str:
    """`side` is "buy", "sell" or "market buy"."""
    return (f"invalid amounts, the {side.lower()} orders maker amount supports a max accuracy of {maker_decimals} decimals, "
            f"taker amount a max of {taker_decimals} decimals")


def closed_only(address: str) -> str:
    return f"'{address}' address in closed only mode"


class Refusal(Exception):
    """Carried by exception from the rule that was broken to the wire. Not a failure of ours, so no TraderError."""

    def __init__(self, text: str, *, status: int = 400, **extra: Any) -> None:
        super().__init__(text)
        self.status = status
        self.headers: dict[str, str] = {}
        self.body: dict[str, Any] | bytes = {"error": text, **extra}
