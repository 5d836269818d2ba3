import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader.executor.legs import Caps, Holdings, legs_of
from trader.model.intent import Mode, Quote
from trader.model.market import Market
from trader.model.order import Side
from trader.strategy.check import MAX_QUOTES_A_SIDE, fault_in

MARKET = Market("s", "0xaa", "1", "2", 100, 5_000_000, 0, 1, "v2", False)
BID, ASK = Quote(Side.BUY, 4800, 5_000_000), Quote(Side.SELL, 5200, 5_000_000)


def quotes(*wanted):
    return (Mode.NORMAL, wanted, "")


def test_quotes_in_good_form_have_no_fault():
    assert fault_in(quotes(BID, ASK), 100) is None
    assert fault_in((Mode.STOP, (), "enough"), 100) is None


@pytest.mark.parametrize(("wanted", "said"), [
    (None, "the answer was None (NoneType), must be a tuple of mode, quotes and reason"),
    ((Mode.NORMAL, ()), "must be a tuple of mode, quotes and reason"),
    ((0, (), ""), "mode was 0 (int), must be a member of Mode"),
    ((Mode.NORMAL, [BID], ""), "(list), must be a tuple of Quote"),
    ((Mode.NORMAL, (), None), "the reason was None (NoneType), must be text"),
    (quotes((Side.BUY, 4800, 5)), "quote 0: was (<Side.BUY: 'BUY'>, 4800, 5) (tuple), must be a Quote"),
    (quotes(BID, ASK._replace(side="SELL")), "quote 1: side was 'SELL' (str), must be Side.BUY or Side.SELL"),
    (quotes(BID._replace(price_bp=4850)), "price_bp was 4850 (int), must be a multiple of the tick 100 within 100-9900"),
    (quotes(BID._replace(price_bp=4800.0)), "price_bp was 4800.0 (float)"),
    (quotes(BID._replace(price_bp=0)), "price_bp was 0 (int)"),
    (quotes(BID._replace(price_bp=10_000)), "price_bp was 10000 (int)"),
    (quotes(BID._replace(size_micro=0)), "size_micro was 0 (int), must be a whole number of millionths of a share within 1-"),
    (quotes(BID._replace(size_micro=-5)), "size_micro was -5 (int)"),
    (quotes(BID._replace(size_micro=5e6)), "size_micro was 5000000.0 (float)"),
    (quotes(BID._replace(size_micro=True)), "size_micro was True (bool)"),
    (quotes(BID, ASK._replace(price_bp=4800)), "the bid at 4800 bp crosses the ask at 4800 bp, every bid must be below every ask"),
    (quotes(*[None] * 1_000_000), "1000000 quotes, must be at most 50 a side"),
    (quotes(*[BID] * (MAX_QUOTES_A_SIDE + 1)), "51 quotes on one side, must be at most 50"),
])
def test_each_fault_says_what_it_was_and_what_must_be(wanted, said):
    assert said in fault_in(wanted, 100)


wild = st.none() | st.integers(-10, 10_010) | st.floats() | st.text(max_size=3)
on_tick, sizes = st.integers(0, 100).map(lambda ticks: ticks * 100), st.integers(1, 10**9)
wild_quotes = st.builds(Quote, st.sampled_from(Side) | wild, on_tick | wild, sizes | wild)
wild_tuples = st.lists(wild_quotes | wild, max_size=4).map(tuple)


@given(st.tuples(st.sampled_from(Mode) | wild, wild_tuples | wild, st.text(max_size=3) | wild) | wild)
def test_whatever_passes_can_be_planned_by_the_executor(wanted):
    if fault_in(wanted, 100) is None:
        legs_of(wanted[1], wanted[0], MARKET, Holdings(10**8, 10**8, 0, 2 * 10**8, 10**9), Caps(5 * 10**8, 10**9, 10_000))

