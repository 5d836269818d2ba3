from trader.model.order import Side
from trader.strategy.touch import Touch, touch_of_others


def test_without_orders_of_ours_the_touch_is_the_published_one(make):
    assert touch_of_others(make.top([(4900, 10)], [(5100, 10)]), ()) == Touch(4900, 5100)


def test_a_level_that_is_only_ours_is_skipped(make):
    top = make.top([(4900, 100), (4800, 50)], [(5100, 10)])
    assert touch_of_others(top, [make.order(Side.BUY, 4900, 100)]) == Touch(4800, 5100)


def test_a_level_that_we_share_still_counts(make):
    top = make.top([(4900, 101)], [(5100, 10)])
    assert touch_of_others(top, [make.order(Side.BUY, 4900, 100)]) == Touch(4900, 5100)


def test_our_bid_for_no_is_our_ask_for_yes(make):
    top = make.top([(4900, 10)], [(5200, 100), (5300, 7)])
    assert touch_of_others(top, [make.order(Side.SELL, 4800, 100, token_id="2")]) == Touch(4900, 5300)


def test_two_orders_of_ours_at_one_price_are_added(make):
    top = make.top([(4900, 150), (4700, 1)], [(5100, 10)])
    assert touch_of_others(top, [make.order(Side.BUY, 4900, 100), make.order(Side.BUY, 4900, 50)]) == Touch(4700, 5100)


def test_a_side_that_is_all_ours_or_empty_has_no_touch(make):
    assert touch_of_others(make.top([(4900, 100)], []), [make.order(Side.BUY, 4900, 100)]) == Touch(None, None)
