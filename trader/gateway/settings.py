"""`gateway:` of conf.yaml: threads, deadlines and rates of the order path."""

from __future__ import annotations

from dataclasses import dataclass

from trader.model.setting import setting


@dataclass(frozen=True)
class GatewaySettings:
    threads: int = setting(4, "gateway-0 serves only cancels, the others everything; each has its own connection.", low=2, high=16)
    connect_ms: int = setting(1000, "Deadline of a connection attempt.", unit="ms", low=50, high=30_000)
    place_ms: int = setting(2500, "Deadline of a place, connecting included; beyond it the outcome is unknown and the venue is asked "
                            "by id.", unit="ms", low=100, high=30_000)
    cancel_ms: int = setting(2000, "Deadline of a cancel, its repetitions included.", unit="ms", low=100, high=30_000)
    read_ms: int = setting(3000, "Deadline of an account read.", unit="ms", low=100, high=30_000)
    journal_ms: int = setting(500, "How long a signed order waits for the journal to have it on disk; beyond it the order is not sent.",
                              unit="ms", low=10, high=5000)
    heartbeat_ms: int = setting(5000, "How often the venue is told that we live. After 10 s without, it cancels every order of the "
                                "API key.", unit="ms", low=500, high=6000)
    orders_per_s: float = setting(40.0, "Orders a second that the account's tier allows.", unit="1/s", low=1, high=1000)
    orders_burst: int = setting(60, "Orders that may be sent at once.", low=1, high=1000)
    cancels_per_s: float = setting(80.0, "Cancels a second that the account's tier allows. Cancel-all is never held back.", unit="1/s",
                                   low=1, high=2000)
    cancels_burst: int = setting(120, "Cancels by id that may be sent at once.", low=1, high=2000)
