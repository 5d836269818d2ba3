"""`exchange:` of conf.yaml: the embedded exchange that `mode: embedded` starts on loopback."""

from __future__ import annotations

from dataclasses import dataclass

from trader.model.setting import setting


@dataclass(frozen=True)
class ExchangeSettings:
    port: int = setting(0, "REST port on 127.0.0.1; 0 takes a free one.", low=0, high=65_535)
    ws_port: int = setting(0, "WebSocket port on 127.0.0.1; 0 takes a free one.", low=0, high=65_535)
    seed: int = setting(1, "Decides the simulated Bitcoin path and the bots.", low=0, high=2**31)
    speed: float = setting(72.0, "Scales windows, settlement and volatility together, never the clock: 72 makes windows of 50 s.",
                           low=1, high=720)
    cash: int = setting(10_000, "Play money that the desk starts with.", unit="$", low=1, high=10_000_000)
