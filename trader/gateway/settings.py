"""`gateway:` of conf.yaml: threads, deadlines and rates of the order path."""

from __future__ import annotations

from dataclasses import dataclass

from trader.model.setting import setting


@dataclass(frozen=True)
class GatewaySettings:
    threads: int = setting(4, "gateway-0 serves only cancels, the others everything; each has its own connection.", low=2, high=16)
    connect_ms: int = setting(1000, "Deadline of a connection attempt.", unit="ms", low=50, high=30_000)
    place_ms: int = setting(2500, "Deadline of a place; beyond it the outcome is unknown and the venue is asked by id.", unit="ms",
                            low=100, high=30_000)
    cancel_ms: int = setting(2000, "Deadline of a cancel.", unit="ms", low=100, high=30_000)
    read_ms: int = setting(3000, "Deadline of an account read.", unit="ms", low=100, high=30_000)
    orders_per_s: float = setting(40.0, "Orders a second that the account's tier allows.", unit="1/s", low=1, high=1000)
    orders_burst: int = setting(60, "Orders that may be sent at once.", low=1, high=1000)
