import pytest

from trader.model.costs import FeeSchedule
from trader.model.order import Side
from trader.strategy.library.join_best import JoinBest, JoinBestParams
from trader.strategy.settings import StrategySettings

CRYPTO = FeeSchedule(70_000, 1, True, 200_000)


def prices(view, **params):
    return {quote.side: quote.price_bp for quote in JoinBest(StrategySettings(), JoinBestParams(**params)).quote(view)[1]}


def test_it_joins_a_touch_that_leaves_the_edge(make):
    assert prices(make.view(book=make.book(4700, 5400))) == {Side.BUY: 4700, Side.SELL: 5400}


def test_it_stays_behind_a_touch_that_is_too_near_to_fair(make):
    assert prices(make.view(book=make.book(5000, 5100)), edge_cents=2) == {Side.BUY: 4800, Side.SELL: 5200}


def test_where_nobody_else_quotes_there_is_nothing_to_join(make):
    book = make.book()._replace(yes=make.top([(4700, 100)], [(5400, 10)]))
    view = make.view(book=book, inventory=make.inventory(working=(make.order(Side.BUY, 4700, 100),)))
    assert prices(view) == {Side.SELL: 5400}


def test_its_own_order_is_not_joined_again(make):
    book = make.book()._replace(yes=make.top([(4700, 100), (4600, 50)], [(5400, 10)]))
    view = make.view(book=book, inventory=make.inventory(working=(make.order(Side.BUY, 4700, 100),)))
    assert prices(view)[Side.BUY] == 4600


def test_a_position_moves_the_limit_not_the_touch(make):
    assert prices(make.view(book=make.book(4900, 5100), inventory=make.inventory(100))) == {Side.BUY: 4800, Side.SELL: 5100}


@pytest.mark.parametrize(("fees", "counted", "bid_bp"), [(CRYPTO, 1, 4880), (CRYPTO, 0, 4850), (None, 1, 4850)])
def test_a_known_rebate_counts_as_edge_if_asked_to(make, fees, counted, bid_bp):
    """7 % × 0.25 × 20 % = 0.35 ¢ a share at 50 ¢."""
    view = make.view(market=make.market(fees=fees), book=make.book(4950, 5050, tick_bp=10))
    assert prices(view, edge_cents=1.5, count_rebate=counted)[Side.BUY] == bid_bp
