"""The newest subscription wins and wakes a feed out of its socket wait."""

from __future__ import annotations

import select
import threading
from contextlib import closing

from trader.handoff.orders import Errand, FeedOrders, Subscription

NOTHING = Subscription(live=None)


def readable(orders):
    return bool(select.select([orders], [], [], 0)[0])


def flood(orders):
    """Far more orders than a socket buffer holds bytes. On a thread of its own: a put that blocks must fail, not hang."""
    puts = threading.Thread(target=lambda: [orders.put(Subscription(None, (n,))) for n in range(20_000)], daemon=True)
    puts.start()
    puts.join(5)
    assert not puts.is_alive(), "put blocked"


def test_nothing_is_wanted_before_the_first_order():
    with closing(FeedOrders()) as orders:
        assert orders.take() is None
        assert not readable(orders)


def test_an_order_wakes_a_select_on_the_hand_off_itself():
    with closing(FeedOrders()) as orders:
        orders.put(NOTHING)
        assert readable(orders)


def test_an_order_is_taken_once_and_the_wait_is_quiet_afterwards():
    with closing(FeedOrders()) as orders:
        orders.put(NOTHING)
        assert orders.take() is NOTHING
        assert orders.take() is None
        assert not readable(orders)


def test_the_newest_order_wins():
    with closing(FeedOrders()) as orders:
        newest = Subscription(live=None, ahead=("second",))
        orders.put(NOTHING)
        orders.put(newest)
        assert orders.take() is newest
        assert orders.take() is None


def test_putting_never_blocks_however_far_the_feed_is_behind():
    with closing(FeedOrders()) as orders:
        flood(orders)
        assert readable(orders)
        assert orders.take().ahead == (19_999,)


def test_after_a_flood_the_next_order_still_wakes():
    with closing(FeedOrders()) as orders:
        flood(orders)
        while readable(orders):
            orders.take()
        orders.put(NOTHING)
        assert readable(orders)


def test_an_order_for_a_feed_that_has_ended_is_not_an_error_of_the_sender():
    orders = FeedOrders()
    orders.close()
    orders.put(NOTHING)
    assert orders.fileno() == -1


def errands(orders):
    found = []
    while (errand := orders.take_errand()) is not None:
        found.append(errand)
    return found


def test_an_errand_wakes_the_feed_and_is_taken_once():
    with closing(FeedOrders()) as orders:
        orders.ask(Errand.RESUBSCRIBE, "11", "differs")
        assert readable(orders)
        assert orders.take() is None
        assert errands(orders) == [(Errand.RESUBSCRIBE, "11", "differs")]
        assert errands(orders) == [] and not readable(orders)


def test_the_newest_errand_of_a_kind_and_token_wins_and_the_others_stay():
    with closing(FeedOrders()) as orders:
        orders.ask(Errand.RESUBSCRIBE, "11", "old")
        orders.ask(Errand.SAMPLE, "11", "check")
        orders.ask(Errand.RESUBSCRIBE, "12", "other")
        orders.ask(Errand.RESUBSCRIBE, "11", "new")
        assert sorted(errands(orders)) == [
            (Errand.RESUBSCRIBE, "11", "new"), (Errand.RESUBSCRIBE, "12", "other"), (Errand.SAMPLE, "11", "check")]


def test_errands_of_several_threads_are_all_there_and_none_twice():
    with closing(FeedOrders()) as orders:
        askers = [threading.Thread(target=lambda name=name: [orders.ask(Errand.SAMPLE, f"{name}-{n}", "") for n in range(500)])
                  for name in range(4)]
        for asker in askers:
            asker.start()
        taken = []
        while any(asker.is_alive() for asker in askers):
            taken += errands(orders)
        taken += errands(orders)
        assert len(taken) == len(set(taken)) == 2000


def test_a_subscription_and_an_errand_do_not_replace_each_other():
    with closing(FeedOrders()) as orders:
        orders.put(NOTHING)
        orders.ask(Errand.RECONNECT, "", "why")
        assert orders.take() is NOTHING and len(errands(orders)) == 1


def test_an_errand_for_a_feed_that_has_ended_is_not_an_error_of_the_sender():
    orders = FeedOrders()
    orders.close()
    orders.ask(Errand.RECONNECT, "", "why")
    assert len(errands(orders)) == 1
