"""Inventory and cash by our own books, whatever order the reports come in."""

from hypothesis import given
from hypothesis import strategies as st

from trader.executor.ledger import Effect, Ledger
from trader.model.event import Fill, TradeStatus
from trader.model.order import Side
from trader.model.units import MICRO

MATCHED, MINED, CONFIRMED, RETRYING, FAILED = TradeStatus
LIVES = [[MATCHED], [MATCHED, MINED], [MATCHED, MINED, CONFIRMED], [MATCHED, RETRYING, MINED], [MATCHED, RETRYING, FAILED],
         [MATCHED, MINED, FAILED]]


def leg(status, trade="t1", order="o1", token="1", price_bp=4000, shares=100, fee=0):
    return Fill(trade, order, "m", token, None, price_bp, shares * MICRO, fee, status, 0)


def books(*reports, cash=1000):
    ledger = Ledger()
    ledger.correct(cash * MICRO, (("1", 500 * MICRO), ("2", 0)))
    for fill, side in reports:
        ledger.apply(fill, side)
    return ledger


def state_of(ledger):
    tokens = [(ledger.settled(t), ledger.effective(t), ledger.debits(t)) for t in ("1", "2")]
    flows = [(ledger.traded(t), ledger.flow(t)) for t in ("1", "2")]
    return tokens, flows, ledger.cash_micro, ledger.fees_micro, ledger.volume_micro, bool(ledger.unsettled())


trades = st.lists(st.tuples(st.sampled_from(LIVES), st.sampled_from(Side), st.integers(1, 99), st.integers(1, 50), st.integers(0, 9)),
                  min_size=1, max_size=4)


@given(trades, st.randoms(use_true_random=False))
def test_any_order_and_any_repetition_of_the_reports_ends_in_the_same_books(made, random):
    reports = [(leg(status, f"t{n}", price_bp=cents * 100, shares=shares, fee=fee), side)
               for n, (life, side, cents, shares, fee) in enumerate(made) for status in life]
    mixed = reports + random.choices(reports, k=len(reports))
    random.shuffle(mixed)
    assert state_of(books(*mixed)) == state_of(books(*reports))


@given(st.sampled_from(Side), st.integers(1, 9999), st.integers(1, 100), st.integers(0, 1000), st.booleans())
def test_a_failed_trade_leaves_no_trace(side, price_bp, shares, fee, mined):
    statuses = [MATCHED, MINED, FAILED] if mined else [MATCHED, FAILED]
    ledger = books(*((leg(s, price_bp=price_bp, shares=shares, fee=fee), side) for s in statuses))
    assert state_of(ledger) == state_of(books())
    assert ledger.failed == 1


def test_a_matched_buy_is_effective_at_once_and_settles_when_it_is_mined():
    ledger = books((leg(MATCHED), Side.BUY))
    assert (ledger.effective("1"), ledger.settled("1"), ledger.cash_micro) == (600 * MICRO, 500 * MICRO, 960 * MICRO)
    ledger.apply(leg(MINED), Side.BUY)
    assert ledger.settled("1") == 600 * MICRO


def test_a_matched_sell_is_a_debit_until_it_is_mined_and_pays_only_then():
    ledger = books((leg(MATCHED), Side.SELL))
    assert (ledger.settled("1"), ledger.debits("1"), ledger.cash_micro) == (500 * MICRO, 100 * MICRO, 1000 * MICRO)
    ledger.apply(leg(MINED), Side.SELL)
    assert (ledger.settled("1"), ledger.debits("1"), ledger.cash_micro) == (400 * MICRO, 0, 1040 * MICRO)


def test_confirmed_after_mined_changes_nothing():
    ledger = books((leg(MATCHED), Side.BUY), (leg(MINED), Side.BUY))
    before = state_of(ledger)
    assert ledger.apply(leg(CONFIRMED), Side.BUY) is Effect.NOTHING
    assert state_of(ledger) == before


def test_two_orders_of_ours_in_one_trade_are_two_legs():
    ledger = books((leg(MATCHED, order="o1"), Side.BUY), (leg(MATCHED, order="o2"), Side.BUY))
    assert ledger.fills == 2 and ledger.effective("1") == 700 * MICRO


def test_a_late_status_is_not_booked_again_while_its_order_is_remembered():
    ledger = books((leg(MINED), Side.BUY))
    ledger.forget(keep_tokens=("3", "4"), keep_orders={"o1"})
    assert ledger.apply(leg(CONFIRMED), Side.BUY) is Effect.NOTHING


def test_forgetting_keeps_what_is_unsettled():
    ledger = books((leg(MATCHED, "t1"), Side.BUY), (leg(MINED, "t2"), Side.BUY))
    ledger.forget((), ())
    assert ledger.side_of(leg(MINED, "t1")) is Side.BUY and ledger.side_of(leg(MINED, "t2")) is None
