"""The newest subscription wins and wakes a feed out of its socket wait."""

from __future__ import annotations

import select
import threading
from contextlib import closing

from trader.handoff.orders import FeedOrders, Subscription

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
