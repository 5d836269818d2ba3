"""The exchange contracts that orders are signed for, by chain and kind of market. Constants; any thread.

Source: docs.polymarket.com, and the table of py-clob-client-v2, with which they are compared at start (`stock`).
"""

from __future__ import annotations

ExchangeKey = tuple[str, bool]               # (protocol, neg_risk)
DOMAIN_VERSION = {"v1": "2", "v2": "3"}      # protocol generation → version of the exchange contract's domain
_EXCHANGE_V2 = "0xE111180000d2663C0091e4f400237545B87B996B"
_NEG_RISK_EXCHANGE_V2 = "0xe2222d279d744050d28e00520010520000310F59"
_EXCHANGE_V3 = {137: "0xe3333700cA9d93003F00f0F71f8515005F6c00Aa", 80002: "0x9fE6e61422AdB6F610d8597F9684b16912D50C3D"}
CHAINS = tuple(_EXCHANGE_V3)                 # Polygon and its test net, Amoy


def exchanges(chain_id: int) -> dict[ExchangeKey, str]:
    """The contract that each kind of market settles on. Protocol V2 has one for everything."""
    v3 = _EXCHANGE_V3[chain_id]
    return {("v1", False): _EXCHANGE_V2, ("v1", True): _NEG_RISK_EXCHANGE_V2, ("v2", False): v3, ("v2", True): v3}


def exchange_of(chain_id: int, protocol: str, neg_risk: bool) -> str:
    """The contract that may take our money and tokens when an order of such a market is filled."""
    return exchanges(chain_id)[protocol, neg_risk]
