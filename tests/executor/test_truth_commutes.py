"""Events of one order come from three sides (stream of orders, stream of trades, answers), in any order and more than once: the end
is the same."""

from hypothesis import given, settings
from hypothesis import strategies as st

from trader.model.action import CancelOrders, PlaceOrders
from trader.model.event import Answer, CancelResult, Fill, Outcome, PlaceResult, Timing, TradeStatus, VenueStatus
from trader.model.order import DONE, Side
from trader.model.units import MICRO

MATCHED, MINED, CONFIRMED, RETRYING, FAILED = TradeStatus
LIVES = [[MATCHED, MINED, CONFIRMED], [MATCHED, MINED], [MATCHED, RETRYING, MINED], [MATCHED, RETRYING, FAILED]]
SIZE = 100


def told(desk, trades, end):
    """Everything that the venue has to say of order o1, once, in its own order."""
    request, spec = desk.asked(PlaceOrders)[0], desk.order().spec
    events = [PlaceResult(request, (Answer("o1", Outcome.OK),), Timing()), desk.update("o1")]
    matched = 0
    for number, (shares, life) in enumerate(trades):
        matched += shares
        events.append(desk.update("o1", matched=matched))
        events += [Fill(f"t{number}", "o1", spec.condition_id, spec.token_id, None, spec.price_bp, shares * MICRO, 0, status, 0)
                   for status in life]
    events.append(desk.update("o1", end if matched < SIZE else VenueStatus.FILLED, matched=matched))
    return events


def end_of(desk, events):
    desk.tell(*events)
    for request in desk.asked(CancelOrders):
        desk.tell(CancelResult(request, tuple(Answer(i, Outcome.NOT_FOUND) for i in request.order_ids), Timing()))
    order, ledger = desk.order(), desk.state.ledger
    held = [(ledger.settled(t), ledger.effective(t), ledger.traded(t), ledger.flow(t), ledger.debits(t)) for t in desk.market.tokens]
    return (order.state in DONE, order.final, order.matched_micro, order.traded_micro, order.exposure_micro,
            held, ledger.cash_micro, bool(ledger.unsettled()), ledger.volume_micro)


trades = st.lists(st.tuples(st.integers(1, 25), st.sampled_from(LIVES)), max_size=4)


@settings(max_examples=150, deadline=None)
@given(trades, st.sampled_from([VenueStatus.CANCELLED, VenueStatus.EXPIRED]), st.randoms(use_true_random=False))
def test_permuted_and_repeated_events_of_an_order_end_the_same(new_desk, made, end, random):
    ends = []
    for shuffled in (False, True):
        desk = new_desk().boots().wants((Side.BUY, 40, SIZE))
        events = told(desk, made, end)
        if shuffled:
            events += random.choices(events, k=random.randrange(len(events)))
            random.shuffle(events)
        ends.append(end_of(desk, events))
    assert ends[0] == ends[1]
