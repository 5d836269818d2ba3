from hypothesis import given
from hypothesis import strategies as st

from trader.strategy.resting import ask_price, bid_price
from trader.strategy.touch import Touch


@given(st.integers(-5000, 15_000), st.sampled_from([1, 10, 25, 50, 100]), st.data())
def test_a_bid_is_on_the_tick_rests_and_is_never_above_what_was_wanted(wanted_bp, tick_bp, data):
    ask_bp = data.draw(st.none() | st.integers(1, 10_000 // tick_bp - 1).map(lambda ticks: ticks * tick_bp))
    price_bp = bid_price(wanted_bp, Touch(None, ask_bp), tick_bp)
    if price_bp is not None:
        assert price_bp % tick_bp == 0 and tick_bp <= price_bp <= 10_000 - tick_bp and price_bp <= wanted_bp
        assert ask_bp is None or price_bp < ask_bp


@given(st.integers(-5000, 15_000), st.sampled_from([1, 10, 25, 50, 100]), st.data())
def test_an_ask_is_the_mirror_image_of_a_bid(wanted_bp, tick_bp, data):
    bid_bp = data.draw(st.none() | st.integers(1, 10_000 // tick_bp - 1).map(lambda ticks: ticks * tick_bp))
    mirrored = bid_price(10_000 - wanted_bp, Touch(None, bid_bp and 10_000 - bid_bp), tick_bp)
    assert ask_price(wanted_bp, Touch(bid_bp, None), tick_bp) == (None if mirrored is None else 10_000 - mirrored)
