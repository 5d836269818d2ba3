"""The parameters in population.toml as frozen settings. Read once at start."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True)
class PriceSettings:
    start_usd: float
    annual_volatility: float
    cluster_spread: float
    cluster_minutes: float
    jumps_per_hour: float
    jump_share: float
    step_ms: int
    agg_trades_per_s: float
    kline_every_ms: int


@dataclass(frozen=True)
class MakerSettings:
    name: str
    half_spread_cents: float
    levels: int
    spacing_cents: float
    size: tuple[int, int]
    requote_ms: int
    tolerance_cents: float
    opinion_cents: float


@dataclass(frozen=True)
class TakerSettings:
    name: str
    per_s: float
    size: tuple[int, int]
    reach_cents: float
    edge_cents: float


@dataclass(frozen=True)
class Population:
    price: PriceSettings
    makers: tuple[MakerSettings, ...]
    takers: tuple[TakerSettings, ...]


def load_population() -> Population:
    document = tomllib.loads((files(__package__) / "population.toml").read_text())
    for bot in document["makers"] + document["takers"]:
        bot["size"] = tuple(bot["size"])
    return Population(
        PriceSettings(**document["price"]),
        tuple(MakerSettings(**maker) for maker in document["makers"]),
        tuple(TakerSettings(**taker) for taker in document["takers"]),
    )
