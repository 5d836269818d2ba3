"""`feeds:` of conf.yaml: when a connection counts as dead, and what follows."""

from __future__ import annotations

from dataclasses import dataclass

from trader.model.setting import setting


@dataclass(frozen=True)
class FeedSettings:
    book_stale_ms: int = setting(500, "A book connection whose probe stays unanswered this long is stale. Lower reacts sooner and "
                                 "cancels more often on a slow line.", unit="ms", low=100, high=60_000)
    reference_stale_ms: int = setting(1000, "The same for the reference price.", unit="ms", low=100, high=60_000)
    user_stale_ms: int = setting(8000, "The user stream is lost when its PING is unanswered this long.", unit="ms",
                                 low=1000, high=60_000)
    user_ping_ms: int = setting(5000, "How often the user stream is pinged.", unit="ms", low=500, high=30_000)
    garbled_frames: int = setting(5, "So many frames of one feed within ten seconds that cannot be read end its connection and stop "
                                  "quoting for half a minute.", low=1, high=1000)
    reconnect_min_s: float = setting(1.0, "First wait before reconnecting; doubles each time.", unit="s", low=0.05, high=60)
    reconnect_max_s: float = setting(60.0, "Longest wait before reconnecting.", unit="s", low=0.05, high=600)
    on_stale: str = setting("cancel_all", "cancel_all: cancel everything, cool down, quote again. pull: cancel by id and quote again "
                            "in CAUTION as soon as the feed is fresh.", choices=("cancel_all", "pull"))
