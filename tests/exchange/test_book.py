"""Price-time priority in one book for both outcomes."""

from __future__ import annotations

from trader.exchange.book import Book
from trader.exchange.fills import fills_of
from trader.exchange.orders import Order, Outcome, Side, book_side, yes_bp


def rested(book, new):
    order = Order(new, 0)
    book.add(order)
    return order


def met(book, taker):
    makers = book.met_by(book_side(taker.outcome, taker.side), yes_bp(taker.outcome, taker.price_bp))
    return [(fill.maker.new.order_id, fill.size_micro) for fill in fills_of(taker, makers)]


def test_the_best_price_is_met_first_and_at_one_price_the_oldest(order):
    book = Book()
    for order_id, cents in (("late", 52), ("dear", 53), ("later", 52)):
        rested(book, order("ann", Side.SELL, cents, 5, order_id=order_id))
    assert met(book, order("bob", Side.BUY, 53, 12)) == [("late", 5_000_000), ("later", 5_000_000), ("dear", 2_000_000)]


def test_a_bid_for_no_is_an_ask_for_yes_at_the_complement(order):
    book = Book()
    rested(book, order("ann", Side.BUY, 40, 5, Outcome.NO))
    assert book.asks.best_bp() == 6_000
    assert book.bids.best_bp() is None


def test_an_order_beyond_the_limit_is_not_met(order):
    book = Book()
    rested(book, order("ann", Side.SELL, 52, 5))
    assert met(book, order("bob", Side.BUY, 51, 5)) == []
    assert not book.crosses(Side.BUY, 5_100)
    assert book.crosses(Side.BUY, 5_200)


def test_a_level_disappears_with_its_last_share(order):
    book = Book()
    bid = rested(book, order("ann", Side.BUY, 40, 5))
    book.shrink(bid, 5_000_000)
    assert book.bids.prices_bp == [] and book.bids.levels == {}


def test_an_order_that_shrinks_keeps_its_place_in_the_queue(order):
    book = Book()
    first = rested(book, order("ann", Side.BUY, 40, 10, order_id="first"))
    rested(book, order("bob", Side.BUY, 40, 10, order_id="second"))
    book.shrink(first, 4_000_000)
    first.matched_micro += 4_000_000
    assert met(book, order("cat", Side.SELL, 40, 20)) == [("first", 6_000_000), ("second", 10_000_000)]
    assert book.bids.size_micro(4_000) == 16_000_000
