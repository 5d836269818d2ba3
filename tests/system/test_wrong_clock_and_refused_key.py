"""A machine whose clock is wrong, and a key that the venue stops taking while the desk trades."""

from trader.testing.exchange_faults import exchange_fault


def test_a_wrong_clock_stops_the_desk_until_it_is_right(start_desk, wallet, exchange):
    with exchange_fault(exchange, kind="clock_skew", skew_s=30):
        desk = start_desk(wallet.conf)
        status = desk.wait_until(lambda status: "clock_skew" in status.get("guards", ()), 20, "it sees the wrong clock")
        assert -30_000 <= status["clock_skew_ms"] < -28_000
        assert desk.wait_for("behind the venue's") and wallet.open_orders() == 0
    desk.wait_for("guard clock_skew is over", 15)
    desk.wait_until(lambda status: status["quotes"], 30, "it quotes")
    code, summary = desk.interrupt()
    assert (code, summary["clock_skew_ms"], summary["open_orders_at_exit"]) == (0, 0, 0), desk.log


def test_a_key_that_may_not_trade_any_more_ends_the_run_in_order(start_desk, wallet, exchange):
    desk = start_desk(wallet.conf, "--set", "executor.auth_refused_ms=6000")
    desk.wait_until(lambda status: status.get("orders_acked", 0) > 0, 30, "it quotes")
    with exchange_fault(exchange, kind="unauthorized", method="POST", path="/order"):
        code, summary = desk.finish(60)
    assert (code, summary["open_orders_at_exit"], wallet.open_orders()) == (3, 0, 0), desk.log
    assert "refused every place" in summary["exit_reason"] and "API key still exists" in desk.log


def test_a_refusal_that_passes_is_outlived(start_desk, wallet, exchange):
    desk = start_desk(wallet.conf)
    desk.wait_until(lambda status: status.get("orders_acked", 0) > 0, 30, "it quotes")
    with exchange_fault(exchange, kind="unauthorized", method="POST", path="/order", for_ms=3000):
        desk.wait_until(lambda status: status["rejected_by_reason"].get("auth", 0) > 0, 20, "an order was refused")
    before = desk.status()["orders_acked"]
    desk.wait_until(lambda status: status["orders_acked"] > before, 40, "it quotes again")
    assert desk.interrupt()[0] == 0, desk.log
