"""`executor:` of conf.yaml: limits, patience and cool-downs."""

from __future__ import annotations

from dataclasses import dataclass

from trader.model.setting import setting


@dataclass(frozen=True)
class ExecutorSettings:
    gross_cap: int = setting(1000, "Most YES + NO held, also if every open order filled. Above it the desk only reduces.",
                             unit="shares", low=10, high=10_000_000, env="GROSS_CAP")
    max_position: int = setting(500, "Most |YES - NO|, also if every open order filled. At it the desk quotes one side.",
                                unit="shares", low=5, high=10_000_000, env="MAX_POSITION")
    grow_step: int = setting(10, "A resting order is replaced to grow only if by this much: keeps its place in the queue.",
                             unit="shares", low=0, high=100_000)
    cooldown_ms: int = setting(3000, "Nothing is placed for this long after a cancel-all is complete.", unit="ms", low=0, high=600_000)
    caution_ms: int = setting(10_000, "CAUTION for this long after a cool-down.", unit="ms", low=0, high=600_000)
    cancel_unconfirmed_ms: int = setting(5000, "A cancel without an answer this long leads to cancel-all.", unit="ms",
                                         low=500, high=60_000)
    place_unanswered_ms: int = setting(3000, "A place without an answer this long, counted from when it was sent, leads to "
                                       "cancel-all.", unit="ms", low=500, high=60_000)
    error_burst: int = setting(5, "Refused or failed requests within ten seconds that stop quoting for a cool-down.",
                               low=1, high=1000)
    daily_loss_usd: int = setting(1000, "Loss of one UTC day, marked to the mid, at which the desk stops until `trader resume --force`.",
                                  unit="$", low=1, high=100_000_000, env="DAILY_LOSS_USD")
    max_order_size: int = setting(1000, "Fat finger: the desk stops while its strategy wants an order larger than this.", unit="shares",
                                  low=5, high=10_000_000)
    max_order_usd: int = setting(1000, "Fat finger: … or one that costs more than this.", unit="$", low=1, high=10_000_000)
    max_through_fair_cents: int = setting(5, "Fat finger: … or a bid that is this much above the fair price, or an ask that is this "
                                          "much below it (without one: the mid).", unit="cents", low=0, high=100)
    max_orders_10s: int = setting(600, "Orders placed within ten seconds beyond which the desk stops: something runs away.",
                                  low=10, high=10_000)
    heartbeat_ms: int = setting(7000, "Silence of the dead-man switch at which all is cancelled; the venue does it at 10 s.",
                                unit="ms", low=2000, high=9500)
    clock_skew_ms: int = setting(2000, "A wall clock that is shown to be this far from the venue's stops the desk until it is right; the "
                                 "venue names whole seconds, so differences below one second are not seen.", unit="ms", low=1000,
                                 high=300_000)
    auth_refused_ms: int = setting(20_000, "When the venue refuses our credentials for this long, at least three times in a row, the desk "
                                   "stops for good (exit code 3).", unit="ms", low=1000, high=600_000)
    flatten_cents: int = setting(5, "`trader flatten` sells no cheaper than this below the mid at which it began.", unit="cents", low=0,
                                 high=99)
    inbox_limit: int = setting(1000, "Unread letters beyond which everything is cancelled.", low=10, high=1_000_000)
    shutdown_s: float = setting(20.0, "Longest wait at the end for the venue to confirm that nothing is open.", unit="s",
                                low=1, high=30)
