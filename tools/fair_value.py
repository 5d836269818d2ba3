"""Is the fair price calibrated? Simulates hours of Bitcoin, prices them as the desk does, and judges the prices by what happened.

    .venv/bin/python tools/fair_value.py [--hours 1500] [--seed 1] [--plots FOLDER]

Three worlds of 1 s returns: `steady` (normal, 1 bp a second), `restless` (volatility wanders: a deviation of 0.5 of its logarithm
with a half-life of an hour) and `jumpy` (restless, and two jumps of 15 bp an hour). Three models see the same mids: `ours`
(`VolatilityEstimate` and `fair_band` with the shipped settings), `constant` (the same option at that world's exact long-run
volatility, which nobody knows in life) and `naive` (1 when the price is above the strike, else 0). Prints JSON; `--plots` writes
PNGs and needs matplotlib: pip install -e .[plots]
"""

from __future__ import annotations

import argparse
import json
import math
import random
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean as mean
from typing import NamedTuple

from trader.model.units import BP_PER_DOLLAR
from trader.strategy.pricing import Jumps, fair_band, fair_bp
from trader.strategy.settings import StrategySettings
from trader.strategy.volatility import VolatilityEstimate

SECOND_NS, HOUR_S, WARM_S = 1_000_000_000, 3600, 900
LOOKED_AT_S = (5, 15, 30, 60, 120, 300, 600, 1200, 1800, 2700, 3540)       # seconds before the close
STRIKE_MICRO = 60_000_000_000
BINS = 20
SHIPPED = StrategySettings()


class World(NamedTuple):
    name: str
    vol_bp: float            # of one second, in the long run
    wander: float            # standard deviation of the logarithm of the volatility
    half_life_s: float
    jumps: Jumps


WORLDS = (
    World("steady", 1.0, 0.0, 600, Jumps(0, 0)),
    World("restless", 1.0, 0.5, 3600, Jumps(0, 0)),
    World("jumpy", 1.0, 0.5, 3600, Jumps(2, 15)),
)


class Forecast(NamedTuple):
    model: str
    left_s: int
    probability: float
    lo: float
    hi: float
    truth: float | None      # the true probability, where the world knows it
    up: bool


def hour(world: World, rng: random.Random) -> list[tuple[float, float]]:
    """(log price in bp against the strike, volatility of that second) from 15 minutes before the open to the close."""
    decay = 0.5 ** (1 / world.half_life_s)
    shock = world.wander * math.sqrt(1 - decay**2)
    log_vol, log_price, path = rng.gauss(0, world.wander), 0.0, []
    for _ in range(WARM_S + HOUR_S + 1):
        vol_bp = world.vol_bp * math.exp(log_vol - world.wander**2)
        path.append((log_price, vol_bp))
        log_price += rng.gauss(0, vol_bp)
        if rng.random() < world.jumps.per_hour / HOUR_S:
            log_price += rng.gauss(0, world.jumps.bp)
        log_vol = decay * log_vol + rng.gauss(0, shock)
    at_open = path[WARM_S][0]
    return [(price - at_open, vol_bp) for price, vol_bp in path]


def forecasts(world: World, hours: int, seed: int) -> Iterator[Forecast]:
    jumps = Jumps(SHIPPED.jump_per_hour, SHIPPED.jump_bp)
    variance_bp = world.vol_bp**2 + world.jumps.per_hour / HOUR_S * world.jumps.bp**2
    for number in range(hours):
        path = hour(world, random.Random(f"{seed} {world.name} {number}"))
        up = path[-1][0] >= 0
        estimate = VolatilityEstimate(SHIPPED.volatility_half_life_s, SHIPPED.volatility_prior_bp, SHIPPED.volatility_floor_bp)
        for second, (distance_bp, _) in enumerate(path):
            mid_micro = round(STRIKE_MICRO * math.exp(distance_bp * 1e-4))
            estimate.observe(mid_micro, second * SECOND_NS + 1, second * SECOND_NS + 1)
            left_s = WARM_S + HOUR_S - second
            if left_s not in LOOKED_AT_S:
                continue
            constant = fair_bp(mid_micro, STRIKE_MICRO, left_s, math.sqrt(variance_bp)) / BP_PER_DOLLAR
            lo, fair, hi = (each / BP_PER_DOLLAR for each in fair_band(
                mid_micro, STRIKE_MICRO, left_s, estimate.bp, estimate.relative_error, jumps))
            yield Forecast("ours", left_s, fair, lo, hi, constant if world.name == "steady" else None, up)
            yield Forecast("constant", left_s, constant, constant, constant, None, up)
            certain = float(mid_micro >= STRIKE_MICRO)
            yield Forecast("naive", left_s, certain, certain, certain, None, up)


def brier(made: list[Forecast]) -> float:
    """Mean squared error of the probability: 0 is perfect, 0.25 is a coin."""
    return sum((each.probability - each.up) ** 2 for each in made) / len(made)


def reliability(made: list[Forecast]) -> list[tuple[float, float, int]]:
    """(mean forecast, share that came true, count) of each bin of forecasts."""
    bins: dict[int, list[Forecast]] = defaultdict(list)
    for each in made:
        bins[min(BINS - 1, int(each.probability * BINS))].append(each)
    return [(mean([e.probability for e in some]), mean([e.up for e in some]), len(some)) for _, some in sorted(bins.items())]


def calibration_error(made: list[Forecast]) -> float:
    """Mean distance between forecast and frequency, weighted by how often the forecast was made."""
    return sum(abs(forecast - came_true) * count for forecast, came_true, count in reliability(made)) / len(made)


def report(made: list[Forecast]) -> dict[str, object]:
    by_model: dict[str, list[Forecast]] = defaultdict(list)
    for each in made:
        by_model[each.model].append(each)
    known = [each for each in by_model["ours"] if each.truth is not None and each.hi - each.lo > 1e-3]
    inside = sum(each.lo - 5e-5 <= each.truth <= each.hi + 5e-5 for each in known if each.truth is not None)
    return {
        "brier": {model: round(brier(some), 4) for model, some in by_model.items()},
        "brier_last_minute": {model: round(brier([e for e in some if e.left_s <= 60]), 4) for model, some in by_model.items()},
        "calibration_error": {model: round(calibration_error(some), 4) for model, some in by_model.items()},
        "truth_inside_band": round(inside / len(known), 3) if known else None,
        "mean_band_cents": round(100 * sum(e.hi - e.lo for e in by_model["ours"]) / len(by_model["ours"]), 2),
    }


def draw(made: dict[str, list[Forecast]], folder: Path) -> list[str]:
    from matplotlib.figure import Figure  # noqa: PLC0415   # an extra: only who wants plots needs it
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for world, some in made.items():
        figure = Figure(figsize=(11, 5), layout="tight")
        left, right = figure.subplots(1, 2)
        left.plot([0, 1], [0, 1], "k:", linewidth=1)
        for model in ("ours", "constant", "naive"):
            points = reliability([each for each in some if each.model == model])
            left.plot([p[0] for p in points], [p[1] for p in points], "o-", markersize=3, label=model)
            scores = [brier([e for e in some if e.model == model and e.left_s == at_s]) for at_s in LOOKED_AT_S]
            right.plot(LOOKED_AT_S, scores, "o-", markersize=3, label=model)
        left.set(title=f"{world}: reliability", xlabel="forecast probability of Up", ylabel="share that was Up")
        right.set(title="Brier score", xlabel="seconds before the close", ylabel="lower is better", xscale="log")
        left.legend()
        file = folder / f"fair_value_{world}.png"
        figure.savefig(file, dpi=110)
        written.append(str(file))
    return written


def main() -> None:
    parser = argparse.ArgumentParser(description="Calibration of the fair price on simulated hours, as JSON.")
    parser.add_argument("--hours", type=int, default=1500, help="simulated hours of each world")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plots", type=Path, help="folder for reliability diagrams (PNG)")
    asked = parser.parse_args()
    made = {world.name: list(forecasts(world, asked.hours, asked.seed)) for world in WORLDS}
    result: dict[str, object] = {"hours": asked.hours, "seed": asked.seed, **{name: report(some) for name, some in made.items()}}
    if asked.plots:
        result["plots"] = draw(made, asked.plots)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
