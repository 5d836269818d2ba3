"""The exchange contracts: orders are signed for one of them, and it must be allowed to move what the order gives. Pure."""

from __future__ import annotations

CHAIN_ID = 137
EXCHANGE_V2 = "0xE111180000d2663C0091e4f400237545B87B996B"
NEG_RISK_EXCHANGE_V2 = "0xe2222d279d744050d28e00520010520000310F59"
EXCHANGE_V3 = "0xe3333700cA9d93003F00f0F71f8515005F6c00Aa"
CONTRACTS = (EXCHANGE_V2, NEG_RISK_EXCHANGE_V2, EXCHANGE_V3)


def contract_of(market_version: str, *, neg_risk: bool) -> str:
    """Protocol V2 knows no separate neg-risk exchange."""
    if market_version == "v2":
        return EXCHANGE_V3
    return NEG_RISK_EXCHANGE_V2 if neg_risk else EXCHANGE_V2
