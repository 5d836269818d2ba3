"""A desk that stands still: the venue cancels its orders after ten seconds, and the desk finds out before it quotes again."""

import signal
import time

from trader.testing.exchange_audit import read_audit

SILENCE_S = 10      # the venue's limit, counted from the last beat


def test_a_stopped_desk_is_cancelled_by_the_venue_and_reconciles_when_it_wakes(start_desk, wallet, exchange):
    desk = start_desk(wallet.conf)
    desk.wait_until(lambda status: status.get("orders_acked", 0) > 0 and status["quotes"], 30, "it quotes")
    desk.send(signal.SIGSTOP)
    stopped_s, stopped_line = time.monotonic(), len(desk.said)
    while wallet.open_orders():
        assert time.monotonic() - stopped_s < SILENCE_S + 3, "the venue did not cancel"
        time.sleep(0.1)
    time.sleep(max(0.0, SILENCE_S + 2 - (time.monotonic() - stopped_s)))
    before = read_audit(exchange, address=wallet.address)
    desk.send(signal.SIGCONT)
    desk.wait_for("cancel-all: heartbeat_lapsed", 10, after=stopped_line)
    proved = desk.wait_for("cancel-all verified", 20, after=stopped_line)
    desk.wait_until(lambda status: status["quotes"], 40, "it quotes again")
    after = read_audit(exchange, address=wallet.address, since_ms=before.now_ms)
    first_place_ms = after.places(before.now_ms)[0]["at_ms"]
    assert after.cancels(before.now_ms, first_place_ms), "it placed before it cancelled"
    assert proved
    code, summary = desk.interrupt()
    assert (code, summary["open_orders_at_exit"], wallet.open_orders()) == (0, 0, 0), desk.log
