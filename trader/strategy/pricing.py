"""What YES is worth: a digital option on the reference price. Pure; called on the strategy thread by `view`.

The only file of the order path with floats: what leaves it towards a price is a whole number of basis points.
Derivation and figures: docs/strategy.md.
"""

from __future__ import annotations

import math

from trader.model.units import BP_PER_DOLLAR, PriceBp

FAIR_MIN_BP, FAIR_MAX_BP = 1, BP_PER_DOLLAR - 1
_PER_BP = 1e-4
_SECOND_NS = 1_000_000_000
_PRIOR_SAMPLES = 10          # the prior counts as this many samples at first; ten returns know a deviation to about 22 %
_WIDEN_MAX_PERMILLE = 3000


class VolatilityEstimate:
    """Standard deviation of the reference's 1 s log return, in bp, as a weighted mean of squared returns.

    One sample on each whole second, never one a tick: tick returns measure the bounce between bid and ask. A second
    without a new reference is not a return of zero, which a silent feed would fake: the next sample then spans several
    seconds and counts as its variance a second. Owner: strategy thread.
    """

    def __init__(self, half_life_s: float, prior_bp: float, floor_bp: float) -> None:
        self._decay = 0.5 ** (1 / half_life_s)
        self._weight = float(_PRIOR_SAMPLES)
        self._sum = _PRIOR_SAMPLES * prior_bp**2
        self._floor_bp = floor_bp
        self._last: tuple[int, int, int] | None = None       # second, received_ns, mid_micro of the newest sample

    def observe(self, mid_micro: int, received_ns: int, now_ns: int) -> None:
        """Call as often as you like: all but the first new reference of each second are ignored."""
        second = now_ns // _SECOND_NS
        if self._last is None:
            self._last = second, received_ns, mid_micro
            return
        last_second, last_received_ns, last_mid_micro = self._last
        if second <= last_second or received_ns <= last_received_ns:
            return
        return_bp = math.log(mid_micro / last_mid_micro) / _PER_BP
        self._sum = self._decay * self._sum + return_bp**2 / (second - last_second)
        self._weight = self._decay * self._weight + 1
        self._last = second, received_ns, mid_micro

    @property
    def bp(self) -> float:
        return max(self._floor_bp, math.sqrt(self._sum / self._weight))


def fair_bp(mid_micro: int, strike_micro: int, time_left_s: float, vol_bp_per_sqrt_s: float) -> PriceBp:
    """P(close ≥ open) with log-normal moves and no drift, as a price within 1..9,999 bp. A tie pays YES."""
    spread_bp = vol_bp_per_sqrt_s * math.sqrt(max(0.0, time_left_s))
    if spread_bp <= 0:
        return PriceBp(FAIR_MAX_BP if mid_micro >= strike_micro else FAIR_MIN_BP)
    deviations = math.log(mid_micro / strike_micro) / (spread_bp * _PER_BP)
    probability = 0.5 * math.erfc(-deviations / math.sqrt(2))
    return PriceBp(min(FAIR_MAX_BP, max(FAIR_MIN_BP, round(probability * BP_PER_DOLLAR))))


def widening_permille(vol_bp: float, usual_bp: float) -> int:
    """How much wider to quote: volatility over its usual value, never below 1,000 nor above 3,000 permille."""
    return min(_WIDEN_MAX_PERMILLE, max(1000, int(1000 * vol_bp / usual_bp)))
