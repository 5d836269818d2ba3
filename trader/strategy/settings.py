"""`strategy:` of conf.yaml: what is quoted, how wide, how much, and when."""

from __future__ import annotations

from dataclasses import dataclass

from trader.model.setting import setting


@dataclass(frozen=True)
class StrategySettings:
    name: str = setting("two_sided", "Which quoting rule runs: two_sided, avellaneda_stoikov, bands, amm, join_best, observer, or one of "
                        "your own as module:Class.")
    params: str = setting("", "Parameters of that rule, as `key: value` lines below this key (docs/strategies.md lists them).",
                          unit="mapping")
    params_file: str = setting("", "File with the same, YAML or JSON, instead of `params`; poly-market-maker's configuration files fit. "
                               "A relative name counts from the folder of conf.yaml.", unit="path")
    strategy_hz: int = setting(20, "Ticks a second; late ticks are skipped, never bunched.", unit="1/s", low=1, high=100,
                               env="STRATEGY_HZ")
    debounce_ms: int = setting(100, "Least time between two early runs. The last move of a burst is never lost. May be called "
                               "websocket_debounce_ms.", unit="ms", low=0, high=10_000, alias="websocket_debounce_ms")
    trigger_ticks: int = setting(1, "A best price or the fair price that moved this many ticks since the last run triggers an early "
                                 "run.", unit="ticks", low=1, high=100)
    base_spread_cents: float = setting(2.0, "Half-spread: the distance of each quote from the fair price. Wider earns more a fill "
                                       "and fills less.", unit="¢", low=0.1, high=45)
    base_size: int = setting(100, "Size of each quote.", unit="shares", low=5, high=1_000_000)
    skew_cents_per_share: float = setting(0.01, "Both quotes move against the net position by this much a share.", unit="¢",
                                          low=0, high=5)
    caution_spread_factor: float = setting(2.0, "Spread multiplier in CAUTION, on a provisional strike, and in a shock.", low=1, high=10)
    volatility_prior_bp: float = setting(1.0, "Standard deviation of the 1 s log return that is assumed before enough was seen. "
                                         "1 bp is Bitcoin at about 56 % a year.", unit="bp", low=0.01, high=100)
    volatility_floor_bp: float = setting(0.3, "Volatility is never taken to be less.", unit="bp", low=0.001, high=100)
    volatility_half_life_s: float = setting(60.0, "Half-life of the volatility estimate.", unit="s", low=5, high=86_400)
    volatility_fast_half_life_s: float = setting(10.0, "Half-life of a second estimate that only widens: turbulence shows there first.",
                                                 unit="s", low=1, high=86_400)
    shock_z: float = setting(5.0, "A move of the last one to two seconds of this many standard deviations is a shock: it runs the "
                             "strategy at once and counts as CAUTION while it lasts.", low=1, high=100)
    jump_per_hour: float = setting(1.0, "News an hour that the fair price allows for. 0: none.", unit="1/h", low=0, high=1000)
    jump_bp: float = setting(10.0, "Standard deviation of the move that news makes.", unit="bp", low=0, high=1000)
    small_size_fraction: float = setting(1 / 12, "Last part of the window in which sizes are halved (1/12: 5 min of an hour).",
                                         low=0, high=1)
    reduce_fraction: float = setting(1 / 60, "Last part in which nothing new is opened.", low=0, high=1)
    stop_fraction: float = setting(1 / 120, "Last part in which nothing is quoted.", low=0, high=1)
