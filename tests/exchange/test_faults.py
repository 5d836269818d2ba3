"""The board of ordered faults: what is on, for whom, how often."""

from __future__ import annotations

import pytest

from trader.exchange.audit import Audit
from trader.exchange.fault_kinds import KINDS, Kind
from trader.exchange.faults import FAULTS_KEPT, MOST_FAULTS, FaultBoard
from trader.exchange.http import Application
from trader.exchange.orders import Outcome, Side, TradeStatus
from trader.exchange.refusal import Refusal
from trader.exchange.request import Request
from trader.exchange.routes_control import ControlRoutes
from trader.exchange.venue import Venue
from trader.model.units import MICRO


@pytest.fixture
def board(clock):
    return FaultBoard(clock)


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_strikes_on_each_of_its_channels_and_is_counted(board, kind):
    for channel in KINDS[kind].channels:
        number = board.add({"kind": kind, "channel": channel})["id"]
        method, path = "POST", "/order"
        assert board.strike(channel, kind, method=method, path=path).kind is kind
        row, = board.remove(number)
        assert row["strikes"] == 1 and row["on"] is False


def test_a_fault_without_end_ends_with_its_time(board, clock):
    board.add({"kind": "freeze", "channel": "market", "for_ms": 3_000})
    clock.advance(ms=2_999)
    assert board.is_on("market", Kind.FREEZE) and not board.is_on("user", Kind.FREEZE)
    clock.advance(ms=1)
    assert board.is_on("market", Kind.FREEZE) is None


def test_a_disconnect_comes_once_unless_a_rhythm_is_given(board, clock):
    board.add({"kind": "disconnect", "channel": "user"})
    assert board.strike("user", Kind.DISCONNECT) and board.strike("user", Kind.DISCONNECT) is None
    board.add({"kind": "disconnect", "channel": "user", "every_ms": 500})
    struck = 0
    for _ in range(40):
        struck += board.strike("user", Kind.DISCONNECT) is not None
        clock.advance(ms=50)
    assert struck == 4


def test_a_rest_fault_without_a_path_spares_gamma_and_binance(board):
    board.add({"kind": "server_error"})
    assert board.strike("rest", Kind.SERVER_ERROR, method="GET", path="/gamma/events/keyset") is None
    assert board.strike("rest", Kind.SERVER_ERROR, method="GET", path="/book")
    board.add({"kind": "server_error", "path": "/gamma"})
    assert board.strike("rest", Kind.SERVER_ERROR, method="GET", path="/gamma/events/keyset")


@pytest.mark.parametrize(("order", "complaint"), [
    ([], "expected a JSON object"),
    ({}, "kind was None, must be one of disconnect"),
    ({"kind": "freeze"}, "channel of freeze was None, must be one of binance, market, user"),
    ({"kind": "slow", "delay": 5}, "unknown delay; it takes channel, times, for_ms, after_ms, method, path, delay_ms"),
    ({"kind": "slow", "delay_ms": "5"}, "delay_ms was '5', must be like 1000"),
    ({"kind": "slow", "delay_ms": -5}, "delay_ms was -5, must be 0 to 86400000"),
    ({"kind": "unavailable", "mode": "lunch"}, "mode was 'lunch', must be one of disabled, cancel_only, post_only"),
    ({"kind": "failed", "times": True}, "times was True"),
])
def test_nonsense_is_refused_with_what_would_be_right(board, order, complaint):
    with pytest.raises(Refusal) as refused:
        board.add(order)
    assert complaint in str(refused.value) and board.rows() == []


def test_the_board_is_bounded_and_forgets_what_is_over_first(board):
    for _ in range(MOST_FAULTS):
        board.add({"kind": "slow"})
    with pytest.raises(Refusal, match="which is the limit"):
        board.add({"kind": "slow"})
    board.remove()
    for _ in range(3):
        board.add({"kind": "slow"})
        for _ in range(FAULTS_KEPT):
            board.add({"kind": "failed", "times": 0})
    rows = board.rows()
    assert len(rows) == FAULTS_KEPT and sum(row["on"] for row in rows) == 3


def test_faults_are_ordered_shown_and_ended_by_rest(board, venue, clock):
    application = Application(ControlRoutes(venue, None, board, Audit(clock)).table(), board)

    def call(method, path, body=b""):
        return application.answer(Request(method, path, "", {}, {}, body))
    assert call("POST", "/control/faults", b'{"kind":"slow"}')[1]["id"] == 1
    assert call("GET", "/control/faults")[1][0]["on"] is True
    assert call("DELETE", "/control/faults/1")[1][0]["on"] is False
    assert call("DELETE", "/control/faults/x")[0] == 404
    assert call("POST", "/control/faults", b'{"kind":"x"}')[0] == 400


@pytest.mark.parametrize(("kind", "statuses"), [
    ("retrying", [TradeStatus.MATCHED, TradeStatus.RETRYING, TradeStatus.MINED, TradeStatus.CONFIRMED]),
    ("failed", [TradeStatus.MATCHED, TradeStatus.RETRYING, TradeStatus.FAILED, TradeStatus.FAILED]),
])
def test_the_next_trade_of_a_client_goes_wrong_and_only_that(board, clock, spec, order, kind, statuses):
    venue = Venue(clock, lambda event: None, settle_ms=1_000, cash_micro=100 * MICRO, faults=board)
    venue.list_market(spec)
    for name in ("ann", "bob"):
        venue.open_account(name)
    board.add({"kind": kind})
    for _ in range(2):
        venue.place(order("ann", Side.BUY, 50, 10))
        venue.place(order("bob", Side.BUY, 50, 10, outcome=Outcome.NO))
    first = []
    for _ in range(4):
        first.append(venue.trades()[0].status)
        clock.advance(ms=1_000)
        venue.run_deadlines()
    assert first == statuses and venue.trades()[1].status is TradeStatus.CONFIRMED
    pairs = 1 if kind == "failed" else 2
    assert venue.balance_micro("ann", (spec.condition_id, Outcome.YES)) == 10 * MICRO * pairs
    assert venue.balance_micro("ann", None) == (100 - 5 * pairs) * MICRO
    with venue.engine() as (engine, _):
        assert engine.conserved()
