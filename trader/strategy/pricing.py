"""What YES is worth: a digital option on the reference price. Pure; called on the strategy thread by `view`.

The only file of the order path with floats: what leaves it towards a price is a whole number of basis points.
Derivation, figures and validation: docs/fair-value.md.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from trader.model.units import BP_PER_DOLLAR, PriceBp

FAIR_MIN_BP, FAIR_MAX_BP = 1, BP_PER_DOLLAR - 1
_PER_BP = 1e-4
_HOUR_S = 3600
_erfc, _sqrt = math.erfc, math.sqrt
_WIDEN_MAX_PERMILLE = 3000


class Jumps(NamedTuple):
    """An allowance for moves that no volatility of the last minute announces: news."""

    per_hour: float
    bp: float                # standard deviation of one jump's log return


NO_JUMPS = Jumps(0.0, 0.0)


class FairBand(NamedTuple):
    """The fair price and the range in which nine of ten true probabilities are (docs/fair-value.md)."""

    lo_bp: PriceBp
    fair_bp: PriceBp
    hi_bp: PriceBp


_BAND_DEVIATIONS = 1.645     # nine in ten of a normal error


def fair_bp(mid_micro: int, strike_micro: int, time_left_s: float, vol_bp_per_sqrt_s: float, jumps: Jumps = NO_JUMPS) -> PriceBp:
    """P(close ≥ open) with log-normal moves and no drift, as a price within 1..9,999 bp. A tie pays YES."""
    return _fair(math.log(mid_micro / strike_micro) / _PER_BP, max(0.0, time_left_s), vol_bp_per_sqrt_s, _outlook(time_left_s, jumps))


def fair_band(mid_micro: int, strike_micro: int, time_left_s: float, vol_bp_per_sqrt_s: float, relative_error: float,
              jumps: Jumps = NO_JUMPS) -> FairBand:
    """`relative_error`: standard error of the volatility over the volatility. What it does to the price is the band."""
    distance_bp = math.log(mid_micro / strike_micro) / _PER_BP
    left_s, outlook = max(0.0, time_left_s), _outlook(time_left_s, jumps)
    fair = _fair(distance_bp, left_s, vol_bp_per_sqrt_s, outlook)
    factor = math.exp(_BAND_DEVIATIONS * relative_error)
    calm = _fair(distance_bp, left_s, vol_bp_per_sqrt_s / factor, outlook)
    wild = _fair(distance_bp, left_s, vol_bp_per_sqrt_s * factor, outlook)
    return FairBand(min(fair, calm, wild), fair, max(fair, calm, wild))


def _outlook(time_left_s: float, jumps: Jumps) -> tuple[float, float]:
    """(probability of at least one jump in what is left, variance that it adds): the same for every volatility."""
    return (-math.expm1(-jumps.per_hour * max(0.0, time_left_s) / _HOUR_S), jumps.bp**2) if jumps.per_hour else (0.0, 0.0)


def _fair(distance_bp: float, left_s: float, vol_bp_per_sqrt_s: float, outlook: tuple[float, float]) -> PriceBp:
    """Three times for each new reference, so the normal distribution is written out: Φ(x) = erfc(−x / √2) / 2."""
    variance = vol_bp_per_sqrt_s**2 * left_s
    if variance <= 0:
        return PriceBp(FAIR_MAX_BP if distance_bp >= 0 else FAIR_MIN_BP)
    probability = 0.5 * _erfc(-distance_bp / _sqrt(2 * variance))
    jump, jump_variance = outlook
    if jump:
        probability += jump * (0.5 * _erfc(-distance_bp / _sqrt(2 * (variance + jump_variance))) - probability)
    fair = round(probability * BP_PER_DOLLAR)
    return PriceBp(FAIR_MIN_BP if fair < FAIR_MIN_BP else FAIR_MAX_BP if fair > FAIR_MAX_BP else fair)


def widening_permille(vol_bp: float, usual_bp: float) -> int:
    """How much wider to quote: volatility over its usual value, never below 1,000 nor above 3,000 permille."""
    return min(_WIDEN_MAX_PERMILLE, max(1000, int(1000 * vol_bp / usual_bp)))
