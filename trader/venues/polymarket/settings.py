"""`polymarket:` of conf.yaml: where the venue is and who we are there."""

from __future__ import annotations

from dataclasses import dataclass

from trader.model.setting import Secret, setting


@dataclass(frozen=True)
class PolymarketSettings:
    clob_url: str = setting("https://clob.polymarket.com", "REST of the order book.", unit="url")
    gamma_url: str = setting("https://gamma-api.polymarket.com", "Market listing.", unit="url")
    ws_url: str = setting("wss://ws-subscriptions-clob.polymarket.com",
                          "Root of the WebSockets; /ws/market and /ws/user are appended.", unit="url")
    chain_id: int = setting(137, "Polygon mainnet is 137; part of every signature.", low=1, high=2**31)
    private_key: Secret = setting(Secret(""), "Key of the wallet that signs orders: 0x and 64 hex digits. Required in mode live. "
                                  "Prefer PM_PRIVATE_KEY or private_key_file.", secret=True, env="PM_PRIVATE_KEY")
    private_key_file: str = setting("", "File that holds the private key alone, readable by its owner only.", unit="path")
    signature_type: int = setting(0, "0 EOA, 1 e-mail proxy, 2 browser-wallet safe, 3 deposit wallet (accounts since May 2026). "
                                  "A wrong type shows balance 0 and `invalid signature`.", low=0, high=3, env="PM_SIGNATURE_TYPE")
    funder: str = setting("", "Address that holds the funds (types 1-3: shown in the UI profile). Empty: the key's own address.",
                          unit="address", env="PM_FUNDER")
    api_key: Secret = setting(Secret(""), "API credentials; leave all three empty to have them derived at start.",
                              secret=True, env="PM_API_KEY")
    api_secret: Secret = setting(Secret(""), "Second of the three API credentials.", secret=True, env="PM_API_SECRET")
    passphrase: Secret = setting(Secret(""), "Third of the three API credentials.", secret=True, env="PM_PASSPHRASE")
