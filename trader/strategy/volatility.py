"""What the reference price has been doing: its volatility, and whether it has just jumped. Pure; strategy thread.

Fed by `view` with every reference; read by `view`. Floats: these are estimates, no money.
"""

from __future__ import annotations

import math
from typing import NamedTuple

_PER_BP = 1e-4
_SECOND_NS = 1_000_000_000
_PRIOR_SAMPLES = 10          # the prior counts as this many samples at first; ten returns know a deviation to about 22 %


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
        self._measure()

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
        self._measure()

    def _measure(self) -> None:
        """Once a sample: both are read many times as often.

        `relative_error` is the standard error of `bp` over `bp`: a mean of n squared normal returns is known to √(2/n), its root to half
        of that. Exponential weights that sum to W count for W (1 + decay) samples.
        """
        self.bp = max(self._floor_bp, math.sqrt(self._sum / self._weight))
        self.relative_error = math.sqrt(1 / (2 * self._weight * (1 + self._decay)))


class _Past(NamedTuple):
    second: int
    received_ns: int
    mid_micro: int
    volatility_bp: float


class ShockGauge:
    """How far the reference is from where it was one to two seconds ago, in standard deviations of such a time.

    Two past samples are kept: against the newest alone, a jump just before a whole second would be forgotten at once. The
    volatility is the one from before the move, which would otherwise measure itself. Owner: strategy thread.
    """

    def __init__(self) -> None:
        self._older: _Past | None = None
        self._newer: _Past | None = None
        self.z = 0.0

    def observe(self, mid_micro: int, received_ns: int, now_ns: int, volatility_bp: float) -> None:
        second = now_ns // _SECOND_NS
        newest = self._newer
        if newest is None or second > newest.second:
            self._older, self._newer = newest, _Past(second, received_ns, mid_micro, volatility_bp)
        before = self._older
        if before is not None:
            elapsed_s = max(1.0, (received_ns - before.received_ns) / _SECOND_NS)
            self.z = math.log(mid_micro / before.mid_micro) / (_PER_BP * before.volatility_bp * math.sqrt(elapsed_s))
