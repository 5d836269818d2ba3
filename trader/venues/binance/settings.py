"""`binance:` of conf.yaml: the reference price."""

from __future__ import annotations

from dataclasses import dataclass

from trader.model.setting import setting


@dataclass(frozen=True)
class BinanceSettings:
    ws_url: str = setting("wss://data-stream.binance.vision", "Market-data WebSocket; needs no key.", unit="url")
    symbol: str = setting("BTCUSDT", "The pair on which the series settles.")
    snapshot_url: str = setting("", "HTTP snapshot source that is polled instead of the WebSocket. Empty: use the WebSocket.",
                                unit="url", env="BINANCE_SNAPSHOT_URL")
    poll_hz: float = setting(50.0, "How often the snapshot source is polled.", unit="1/s", low=1, high=200)
