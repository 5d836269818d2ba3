"""What each strategy earns against the committed bot population, on seeds that nobody has tuned for. Prints a table and JSON.

    .venv/bin/python tools/simulate.py [--seeds 20] [--first-seed 9001] [--windows 2] [--jobs 2] [--json FILE]

Each (strategy, seed) is one desk in one thread with a manual clock (tools/simulated_desk.py): strategy, executor and gateway against the
exchange's own matcher, bots and Bitcoin path. The profit is what has settled at the exchange. It is split, fill by fill and exactly,
with the true probability that the simulation knows:

    spread      true probability at the fill − price paid           (of a sale: the other way round)
    adverse     true probability a second later − at the fill       what whoever traded with us knew
    inventory   payoff − true probability a second later            what holding it brought: luck, whose expectation is zero

Intervals are 95 % bootstrap intervals over seeds. `blind` is the baseline: a fixed spread around the middle of the book, own orders
included, which knows nothing of Bitcoin; `vs blind` is the mean difference of the profit, seed by seed, and
`edge vs blind` that of spread + adverse, the part that is no luck. `follower` takes the middle of what *others*
quote: here that is nearly the truth, since the bots who quote it know it, which no live book promises.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
from bisect import bisect_left
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from simulated_desk import Filled, Moment, SimulatedDesk

from trader.exchange.orders import Outcome
from trader.journal.analysis import fill_parts
from trader.model.intent import Mode, Quote, Strategy, StrategyView
from trader.model.order import Side
from trader.strategy.base import strategy_named
from trader.strategy.resting import ask_price, bid_price
from trader.strategy.rules import QuotingRules
from trader.strategy.settings import StrategySettings
from trader.strategy.target import aim
from trader.strategy.touch import Touch, touch_of_others

SPEED = 72                       # an hour in 50 s, as in conf.yaml.example
PRIOR_BP = 8.5                   # 1 bp × √72
ADVERSE_MS = 1000
RESAMPLES = 4000
BANDS = {"bands": [{"minMargin": near, "avgMargin": near, "maxMargin": far, "minAmount": 50, "avgAmount": 100, "maxAmount": 150}
                   for near, far in ((0.02, 0.04), (0.04, 0.06))]}
PARAMS = {"bands": json.dumps(BANDS), "amm": json.dumps({"spread": 0.02, "max_collateral": 1000})}
STRATEGIES = ("two_sided", "avellaneda_stoikov", "bands", "amm", "join_best", "follower", "blind")


class Account(NamedTuple):
    """Dollars of one run."""

    profit: float
    spread: float
    adverse: float
    inventory: float
    fills: int
    shares: float


class FixedSpread:
    """The spread and size of two_sided around the middle of the book. No fair price, no skew, no widening."""

    def __init__(self, settings: StrategySettings, *, follows_others: bool) -> None:
        self._rules, self._follows_others = QuotingRules(settings), follows_others

    def quote(self, view: StrategyView) -> tuple[Mode, tuple[Quote, ...], str]:
        others, tick_bp = touch_of_others(view.book.yes, view.inventory.working), view.book.yes.tick_bp
        middle_of = others if self._follows_others else Touch(view.book.yes.bid_bp, view.book.yes.ask_bp)
        mode, reason = self._rules.mode(aim(view, "clob"))
        if mode is Mode.STOP or middle_of.bid_bp is None or middle_of.ask_bp is None:
            return Mode.STOP, (), reason or "nobody else quotes"
        middle_bp, size_micro = (middle_of.bid_bp + middle_of.ask_bp) // 2, self._rules.size_micro(view)
        bid_bp = bid_price(middle_bp - self._rules.half_spread_bp, others, tick_bp)
        ask_bp = ask_price(middle_bp + self._rules.half_spread_bp, others, tick_bp)
        bids = () if bid_bp is None else (Quote(Side.BUY, bid_bp, size_micro),)
        asks = () if ask_bp is None else (Quote(Side.SELL, ask_bp, size_micro),)
        return mode, (*bids, *asks), reason


def played(job: tuple[str, int, int]) -> Account:
    name, seed, windows = job
    logging.disable(logging.CRITICAL)
    baseline = name in ("blind", "follower")
    settings = StrategySettings(name="two_sided" if baseline else name, volatility_prior_bp=PRIOR_BP, params=PARAMS.get(name, ""))
    rule: Strategy = FixedSpread(settings, follows_others=name == "follower") if baseline else strategy_named(settings)
    desk = SimulatedDesk(settings, rule, seed=seed, speed=SPEED)
    desk.run(windows)
    account = split(desk)
    if abs(account.spread + account.adverse + account.inventory - account.profit) > 0.01:
        raise AssertionError(f"{name}, seed {seed}: the parts do not add up to what the exchange paid: {account}")
    return account


def split(desk: SimulatedDesk) -> Account:
    calendar = desk.life.now()
    payoff = {calendar.windows[number].spec.condition_id: float(winner is Outcome.YES) for number, winner in calendar.winners.items()}
    seen: dict[str, list[Moment]] = {}
    for moment in desk.moments:
        seen.setdefault(moment.condition_id, []).append(moment)
    spread = adverse = inventory = 0.0
    for fill in desk.fills:
        signed, moments = fill.shares if fill.bought else -fill.shares, seen[fill.condition_id]
        then, later, end = at(moments, fill.at_ms), at(moments, fill.at_ms + ADVERSE_MS), payoff[fill.condition_id]
        after = end if later is None else later
        now = end if then is None else then
        earned, moved, held = fill_parts(signed, fill.price, now, after, end)
        spread, adverse, inventory = spread + earned, adverse + moved, inventory + held
    return Account(desk.profit(), spread, adverse, inventory, len(desk.fills), shares(desk.fills))


def at(moments: list[Moment], at_ms: int) -> float | None:
    """The true probability at that time; None after the window."""
    index = bisect_left(moments, at_ms, key=lambda moment: moment.at_ms)
    return moments[index].up if index < len(moments) else None


def shares(fills: list[Filled]) -> float:
    return sum(fill.shares for fill in fills)


def edge(account: Account) -> float:
    return account.spread + account.adverse


def interval(values: list[float], rng: random.Random) -> tuple[float, float]:
    """95 % of the means of as many values drawn with replacement."""
    means = sorted(fmean(rng.choices(values, k=len(values))) for _ in range(RESAMPLES))
    return round(means[RESAMPLES // 40], 2), round(means[-RESAMPLES // 40], 2)


def summary(accounts: dict[str, list[Account]]) -> dict[str, dict[str, object]]:
    rng = random.Random(1)
    blind = [account.profit for account in accounts["blind"]]
    found: dict[str, dict[str, object]] = {}
    for name, runs in accounts.items():
        profit = [run.profit for run in runs]
        better = [one - other for one, other in zip(profit, blind, strict=True)]
        keener = [edge(one) - edge(other) for one, other in zip(runs, accounts["blind"], strict=True)]
        found[name] = {
            "profit": round(fmean(profit), 2), "interval": interval(profit, rng),
            **{part: round(fmean(getattr(run, part) for run in runs), 2) for part in ("spread", "adverse", "inventory")},
            "fills": round(fmean(run.fills for run in runs), 1), "shares": round(fmean(run.shares for run in runs)),
            "vs_blind": round(fmean(better), 2), "vs_blind_interval": interval(better, rng),
            "edge_vs_blind": round(fmean(keener), 2), "edge_vs_blind_interval": interval(keener, rng),
        }
    return found


def table(found: dict[str, dict[str, object]]) -> str:
    head = ("profit", 9), ("95 %", 20), ("spread", 9), ("adverse", 9), ("inventory", 11), ("fills", 7), ("vs blind", 10), ("95 %", 20), \
        ("edge vs blind", 15), ("95 %", 20)
    lines = [f"{'dollars a seed':20}" + "".join(f"{name:>{width}}" for name, width in head)]
    for name, row in found.items():
        ranges = ["{} .. {}".format(*row[key]) for key in ("interval", "vs_blind_interval", "edge_vs_blind_interval")]
        lines.append(f"{name:20}{row['profit']:>9}{ranges[0]:>20}{row['spread']:>9}{row['adverse']:>9}{row['inventory']:>11}{row['fills']:>7}"
                     f"{row['vs_blind']:>10}{ranges[1]:>20}{row['edge_vs_blind']:>15}{ranges[2]:>20}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="Settled profit of each strategy against the committed bot population.")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=9001)
    parser.add_argument("--windows", type=int, default=2, help="windows of each seed")
    parser.add_argument("--strategies", nargs="+", choices=STRATEGIES, default=list(STRATEGIES))
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--json", type=Path, help="file for the figures")
    asked = parser.parse_args()
    names = list(dict.fromkeys([*asked.strategies, "blind"]))
    seeds = range(asked.first_seed, asked.first_seed + asked.seeds)
    jobs = [(name, seed, asked.windows) for name in names for seed in seeds]
    with ProcessPoolExecutor(asked.jobs) as pool:
        runs = list(pool.map(played, jobs))
    accounts = {name: runs[number * asked.seeds:(number + 1) * asked.seeds] for number, name in enumerate(names)}
    found = summary(accounts)
    print(table(found))
    if asked.json:
        conditions = {"seeds": [seeds[0], seeds[-1]], "windows": asked.windows, "speed": SPEED}
        asked.json.write_text(json.dumps({**conditions, "strategies": found}, indent=2))


if __name__ == "__main__":
    main()
