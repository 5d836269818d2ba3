"""What a trade costs and earns beside its price, by the market's own fee data. Pure integers; immutable, part of `Market`.

Source: Gamma `feeSchedule`, `rewardsMinSize`, `rewardsMaxSpread`; the CLOB calls the same `fd` and `r` (docs/strategies.md).
"""

from __future__ import annotations

from typing import NamedTuple

from trader.model.units import BP_PER_DOLLAR, MoneyMicro

PPM = 1_000_000
_FEE_STEP_MICRO = 10             # the venue rounds fees to five decimals of a dollar and charges at least one step


class FeeSchedule(NamedTuple):
    """`size × rate × (p (1 − p)) ** exponent` dollars for the taker of a trade at p."""

    rate_ppm: int
    exponent: int
    taker_only: bool             # False: the maker pays the same
    rebate_ppm: int              # part of the taker's fee that is paid to makers, once a day

    def taker_fee_micro(self, price_bp: int, size_micro: int) -> MoneyMicro:
        if self.rate_ppm == 0 or size_micro == 0:
            return MoneyMicro(0)
        dividend = size_micro * self.rate_ppm * (price_bp * (BP_PER_DOLLAR - price_bp)) ** self.exponent
        divisor = PPM * BP_PER_DOLLAR ** (2 * self.exponent) * _FEE_STEP_MICRO
        return MoneyMicro(max(1, (2 * dividend + divisor) // (2 * divisor)) * _FEE_STEP_MICRO)

    def maker_fee_micro(self, price_bp: int, size_micro: int) -> MoneyMicro:
        return MoneyMicro(0) if self.taker_only else self.taker_fee_micro(price_bp, size_micro)

    def maker_rebate_micro(self, price_bp: int, size_micro: int) -> MoneyMicro:
        """What the maker gets back of such a trade if it gets the whole pool's share of it. Rounded down: nothing is promised."""
        return MoneyMicro(self.taker_fee_micro(price_bp, size_micro) * self.rebate_ppm // PPM)


class RewardBand(NamedTuple):
    """Resting orders that earn liquidity rewards: large enough, and near enough to the mid. Sampled by the venue once a minute."""

    min_size_micro: int
    max_spread_bp: int           # distance from the mid

    def counts(self, price_bp: int, size_micro: int, mid_bp: int) -> bool:
        return size_micro >= self.min_size_micro and abs(price_bp - mid_bp) <= self.max_spread_bp
