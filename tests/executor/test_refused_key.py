"""Credentials that are refused while the desk trades: for how long that is borne, and what counts."""

import pytest

from trader.model.action import CancelMarket, ReadOpenOrders
from trader.model.event import Command, Control, OpenOrdersRead, Outcome, Timing
from trader.model.order import Side

BID = (Side.BUY, 40, 100)


@pytest.fixture
def refused(new_desk):
    """Every place is refused, each slot rests five seconds between two."""
    desk = new_desk(auth_refused_ms=15_000, error_burst=1000).boots().wants(BID)

    def for_ms(ms, outcome=Outcome.AUTH):
        for _ in range(ms // 5_000):
            desk.acked(outcome).wait(5_000)
        return desk
    return for_ms


def test_a_refusal_that_passes_ends_nothing(refused):
    refused(10_000)
    desk = refused(5_000, Outcome.OK)
    assert desk.state.refused_for_good == "" and desk.state.refused == {}


def test_refused_for_long_enough_the_run_is_over_and_everything_is_cancelled(refused):
    desk = refused(15_000)
    assert desk.state.refused_for_good == ""
    desk.acked(Outcome.AUTH)
    assert "refused every place for 15000 ms, 4 times" in desk.state.refused_for_good
    assert "credentials" in desk.state.guards and desk.asked(CancelMarket) != [] and desk.wait(60_000).orders() == []


def test_what_says_nothing_of_the_key_does_not_excuse_it(refused):
    refused(10_000)
    refused(5_000, Outcome.RATE_LIMITED)
    assert refused(5_000).acked(Outcome.AUTH).state.refused_for_good != ""


def test_two_refusals_far_apart_are_two_beginnings(refused):
    desk = refused(5_000).wants().wait(60_000).wants(BID)
    assert desk.acked(Outcome.AUTH).state.refused_for_good == "" and desk.state.refused["place"].times == 1


def test_a_key_that_may_read_but_not_trade_is_refused_too(refused):
    for _ in range(4):
        desk = refused(5_000)
        desk.tell(*(OpenOrdersRead(r, Outcome.OK, (desk.update("o1"),), Timing()) for r in desk.asked(ReadOpenOrders)))
    assert desk.acked(Outcome.AUTH).state.refused_for_good != ""


def test_reads_that_are_refused_for_good_end_it_while_nothing_is_quoted(new_desk):
    desk = new_desk(auth_refused_ms=15_000).boots()
    for _ in range(4):
        desk.asked(ReadOpenOrders)
        desk.wait(5_000).listed(outcome=Outcome.AUTH)
    assert "refused every read" in desk.state.refused_for_good


def test_it_still_stops_in_order(refused):
    desk = refused(15_000).acked(Outcome.AUTH).tell(Control(Command.STOP, "test")).proved().proved()
    assert desk.state.session == "stopped"
