"""The judge of stale quotes: what it calls stale, for how long, and what it makes of a jump."""

from __future__ import annotations

import pytest

from tools.bench.stale_quotes import KnowsTheOdds, Played, Resting, fills, judged, reactions_ms, resting, stale_ms
from tools.bench.true_price import STEP_MS, Candle, Path
from trader.model.book import BookTop, Level, MarketBook, ReferencePrice
from trader.model.intent import Inventory, Mode, StrategyView
from trader.model.market import Market
from trader.strategy.settings import StrategySettings
from trader.testing.exchange_audit import ExchangeAudit

OPEN_MS, JUMP_MS = 1_000_000, 1_010_000


@pytest.fixture
def path():
    """At the strike until the jump, far above it from then on: YES is worth 50 ¢, then almost a dollar."""
    found = Path(volatility_per_sqrt_s=0.0001)
    found.candles = [Candle(OPEN_MS, OPEN_MS + 600_000, 6_000_000)]
    for at_ms in range(OPEN_MS, OPEN_MS + 20_000, STEP_MS):
        found.hear(at_ms + 3, 6_000_000 if at_ms < JUMP_MS else 6_100_000)
    return found


def order(side, token, price, from_ms, to_ms=None, end=None):
    return {"id": f"{side}{from_ms}", "side": side, "asset_id": token, "price": price, "from_ms": from_ms, "to_ms": to_ms, "end": end}


def played(path, *orders, trades=(), now_ms=OPEN_MS + 20_000):
    said = {"now_ms": now_ms, "began_ms": OPEN_MS, "forgotten": {}, "orders": list(orders), "requests": [], "subscriptions": [],
            "markets": [{"market": "m", "asset_ids": ["yes", "no"]}], "faults": []}
    return Played(ExchangeAudit(said), list(trades), path, [JUMP_MS])


ASK = order("SELL", "yes", "0.52", JUMP_MS - 1_000, JUMP_MS + 30, "CANCELED")


def gone(path, *orders):
    one = played(path, *orders)
    return reactions_ms(list(resting(one).values()), one)


def test_a_price_that_is_heard_late_belongs_to_the_step_that_made_it(path):
    assert path.worth_bp(JUMP_MS - 1) == pytest.approx(5000, abs=1) and path.worth_bp(JUMP_MS) > 9_000


@pytest.mark.parametrize(("side", "token", "price", "is_bid", "yes_bp"), [
    ("BUY", "yes", "0.48", True, 4800), ("SELL", "no", "0.52", True, 4800),
    ("SELL", "yes", "0.52", False, 5200), ("BUY", "no", "0.48", False, 5200),
])
def test_an_order_of_either_token_is_told_in_yes_terms(path, side, token, price, is_bid, yes_bp):
    one, = resting(played(path, order(side, token, price, 0))).values()
    assert (one.is_bid, one.price_bp) == (is_bid, yes_bp)


@pytest.mark.parametrize(("is_bid", "worth_bp", "stale"), [
    (False, 5001, True), (True, 4999, True), (False, 5000, False), (True, 5000, False),
])
def test_an_ask_below_the_truth_and_a_bid_above_it_are_stale(is_bid, worth_bp, stale):
    assert Resting(is_bid, 5000, 0, None, "").is_stale(worth_bp) is stale


def test_the_reaction_ends_with_the_last_order_that_the_jump_made_stale(path):
    harmless = order("BUY", "yes", "0.48", JUMP_MS - 1_000)
    assert gone(path, ASK, order("BUY", "no", "0.45", JUMP_MS - 500, JUMP_MS + 45), harmless) == ([45], 0)


def test_an_order_at_the_old_price_that_follows_at_once_goes_on_with_it(path):
    assert gone(path, ASK, order("SELL", "yes", "0.52", JUMP_MS + 60, JUMP_MS + 200))[0] == [200]
    assert gone(path, ASK, order("SELL", "yes", "0.52", JUMP_MS + 5_000, JUMP_MS + 5_200))[0] == [30]


def test_an_order_that_is_never_cancelled_counts_to_the_end(path):
    assert gone(path, ASK | {"to_ms": None})[0] == [10_000]


def test_a_stale_order_that_was_filled_before_it_could_be_cancelled_is_counted(path):
    assert gone(path, ASK | {"end": "MATCHED"}) == ([30], 1)


def test_stale_time_is_counted_once_however_many_orders_are_stale(path):
    one = Resting(False, 5200, JUMP_MS - 1_000, JUMP_MS + 1_000, "")
    assert stale_ms([one, one], path) == 1_000


def test_stale_time_is_to_the_millisecond_although_the_price_moves_in_steps(path):
    first, second = Resting(False, 5200, JUMP_MS - 10, JUMP_MS + 3, ""), Resting(False, 5200, JUMP_MS + 2, JUMP_MS + 9, "")
    assert stale_ms([second, first], path) == 9


def test_a_fill_loses_what_the_share_was_worth_more_than_it_was_sold_for(path):
    trade = {"match_time_nano": str((JUMP_MS + 5) * 1_000_000), "maker_orders": [{"order_id": ASK["id"], "matched_amount": "10"}]}
    one = played(path, ASK, trades=[trade])
    (shares, price, worth), = fills(resting(one), one)
    assert (shares, price) == (-10, 0.52)
    row = judged("x", one)
    assert row["stale_fills"] == 1 and row["lost_to_stale_usd"] == pytest.approx(10 * (worth - 0.52), abs=0.01)


def test_somebody_elses_fill_is_not_ours(path):
    trade = {"match_time_nano": str(JUMP_MS * 1_000_000), "maker_orders": [{"order_id": "other", "matched_amount": "10"}]}
    assert fills({}, played(path, trades=[trade])) == []


@pytest.fixture
def view():
    """Bitcoin at the strike, half an hour left, nothing held."""
    def top(token):
        return BookTop(token, (Level(4000, 500_000_000),), (Level(6000, 500_000_000),), 100)

    market = Market("btc", "0xaa", "1", "2", 100, 5_000_000, OPEN_MS, OPEN_MS + 3_600_000, "v2", False)
    reference = ReferencePrice("BTCUSDT", 60_000_000_000, 60_000_000_000, None, 60_000_000_000, OPEN_MS, 0)
    return StrategyView(5, OPEN_MS, market, MarketBook("0xaa", top("1"), top("2"), 1, 1, 0, 0), reference,
                        Inventory("0xaa", 0, 0, 0, 0, 0, Mode.NORMAL, (), ()), 5000, "", False, 1.0, 1_800_000)


@pytest.fixture
def rule():
    return KnowsTheOdds(StrategySettings(), KnowsTheOdds.Params(period_s=1.0, volatility_bp=1.0))


def test_a_timer_keeps_its_quotes_until_it_looks_again(rule, view):
    first = rule.quote(view)[1]
    jumped = view.reference._replace(bid_micro=60_100_000_000, ask_micro=60_100_000_000)
    moved = view._replace(now_ns=view.now_ns + 999_000_000, reference=jumped)
    assert rule.quote(moved)[1] == first
    assert rule.quote(moved._replace(now_ns=view.now_ns + 1_000_000_000))[1] != first


def test_what_a_timer_sold_is_not_put_back_before_it_looks_again(rule, view):
    rule.quote(view)
    sold = view._replace(inventory=view.inventory._replace(no_effective_micro=view.inventory.no_effective_micro + 60_000_000))
    bid, ask = rule.quote(sold)[1]
    assert (bid.size_micro, ask.size_micro) == (100_000_000, 40_000_000)
