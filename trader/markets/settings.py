"""`market:` of conf.yaml: what to trade."""

from __future__ import annotations

from dataclasses import dataclass

from trader.model.setting import setting


@dataclass(frozen=True)
class MarketSettings:
    series_id: int = setting(10114, "Gamma series; 10114 is the hourly Bitcoin Up or Down. Ignored when slug or condition_id is set.",
                             low=1, high=10**9)
    slug: str = setting("", "Trade this one event and stop when it closes: the last part of its address at the venue. Empty: follow the "
                        "series, window after window.", env="PM_MARKET_SLUG")
    condition_id: str = setting("", "The same by condition id, which is exact where a slug is not (the repeated hour in autumn): 0x and 64 "
                                "hex digits. Instead of slug.", env="PM_CONDITION_ID")
    discovery_s: float = setting(2.0, "How often the listing is asked while the next window is not known.", unit="s",
                                 low=0.1, high=600)

    @property
    def is_one_event(self) -> bool:
        return bool(self.slug or self.condition_id)

    @property
    def wanted(self) -> str:
        """In words, for logs and checks."""
        if self.condition_id:
            return f"condition {self.condition_id}"
        return f"event {self.slug}" if self.slug else f"series {self.series_id}"
