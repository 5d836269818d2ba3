"""`market:` of conf.yaml: what to trade."""

from __future__ import annotations

from dataclasses import dataclass

from trader.model.setting import setting


@dataclass(frozen=True)
class MarketSettings:
    series_id: int = setting(10114, "Gamma series; 10114 is the hourly Bitcoin Up or Down. Ignored when slug is set.",
                             low=1, high=10**9)
    slug: str = setting("", "Trade this one event and stop when it closes. Empty: follow the series, window after window.",
                        env="PM_MARKET_SLUG")
    discovery_s: float = setting(2.0, "How often the listing is asked while the next window is not known.", unit="s",
                                 low=0.1, high=600)
