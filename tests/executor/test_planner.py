"""Which orders are kept, cancelled and placed."""

from hypothesis import given
from hypothesis import strategies as st

from trader.executor.legs import Caps, Holdings, Leg
from trader.executor.orders import Tracked
from trader.executor.planner import fits, plan
from trader.model.book import BookTop, Level
from trader.model.order import Kind, OrderSpec, OrderState, Side, Slot
from trader.model.units import MICRO, complement_bp, notional_micro

CAPS = Caps(500 * MICRO, 1000 * MICRO, 10_000)
HAVE = Holdings(0, 0, 0, 0, 10_000 * MICRO)
GROW = 10 * MICRO


def leg(side, cents, shares, level=0, sells=False):
    """In YES terms; `sells` what is held instead of buying."""
    yes = (side is Side.BUY) is not sells
    kind = Kind.REDUCE_SELL if sells else Kind.OPEN_BUY if side is Side.BUY else Kind.COMPLEMENT_BUY
    price_bp = cents * 100 if yes else complement_bp(cents * 100)
    return Leg(Slot(side, level, kind), "1" if yes else "2", Side.SELL if sells else Side.BUY, price_bp, shares * MICRO)


def order(of, state=OrderState.WORKING, order_id="o1", matched=0):
    spec = OrderSpec("m", of.token_id, of.side, of.price_bp, of.size_micro, 1, 0, "v1", False)
    made = Tracked(order_id, spec, of.slot, 0, 0)
    made.state, made.matched_micro = state, matched * MICRO
    return made


def planned(legs, orders=(), have=HAVE, book=None, held=frozenset()):
    return plan(legs, orders, orders, have, CAPS, book, held, GROW)


def market(bid_cents, ask_cents):
    return BookTop("1", (Level(bid_cents * 100, MICRO),), (Level(ask_cents * 100, MICRO),), 100)


def test_an_order_that_fits_is_kept_and_nothing_is_placed_beside_it():
    wanted = leg(Side.BUY, 40, 100)
    assert planned([wanted], [order(wanted)]) == ([], [], [])


def test_a_new_price_cancels_and_places_in_one_wave():
    resting = order(leg(Side.BUY, 40, 100))
    wanted = leg(Side.BUY, 41, 100)
    assert planned([wanted], [resting]) == ([resting], [wanted], [])


def test_the_remaining_size_is_compared_not_the_original():
    assert fits(order(leg(Side.BUY, 40, 100), matched=30), leg(Side.BUY, 40, 70), GROW)


def test_it_grows_only_by_the_step_and_shrinks_at_once():
    resting = order(leg(Side.BUY, 40, 100))
    assert fits(resting, leg(Side.BUY, 40, 109), GROW) and not fits(resting, leg(Side.BUY, 40, 110), GROW)
    assert not fits(resting, leg(Side.BUY, 40, 99), GROW)


def test_a_slot_whose_order_is_not_working_waits_for_it():
    for state in (OrderState.PENDING_NEW, OrderState.PENDING_CANCEL, OrderState.UNKNOWN):
        wanted = leg(Side.BUY, 41, 100)
        assert planned([wanted], [order(leg(Side.BUY, 40, 100), state)]) == ([], [], [wanted.slot])


def test_of_two_orders_that_fit_one_slot_only_one_is_kept():
    wanted = leg(Side.BUY, 40, 100)
    both = [order(wanted, order_id="o1"), order(wanted, order_id="o2")]
    assert planned([wanted], both).cancel == both[1:]


def test_an_order_that_nobody_wants_is_cancelled():
    resting = order(leg(Side.BUY, 40, 100))
    assert planned([], [resting]).cancel == [resting]


def test_a_sale_that_replaces_a_sale_waits_until_the_first_is_confirmed_dead():
    resting = order(leg(Side.SELL, 60, 100, sells=True))
    wanted = leg(Side.SELL, 61, 100, sells=True)
    owns = Holdings(100 * MICRO, 0, 100 * MICRO, 100 * MICRO, 0)
    assert planned([wanted], [resting], owns) == ([resting], [], [wanted.slot])


def test_a_place_waits_while_it_and_the_order_it_replaces_could_both_fill_beyond_the_limit():
    resting = order(leg(Side.BUY, 40, 300))
    assert planned([leg(Side.BUY, 41, 300)], [resting]).place == []


def test_a_buy_waits_while_gross_would_pass_its_cap_with_what_is_open():
    have = Holdings(0, 0, 0, 900 * MICRO, 10_000 * MICRO)
    resting = order(leg(Side.SELL, 60, 60))
    assert planned([leg(Side.BUY, 40, 41), leg(Side.SELL, 60, 60)], [resting], have).place == []
    assert planned([leg(Side.BUY, 40, 40), leg(Side.SELL, 60, 60)], [resting], have).place == [leg(Side.BUY, 40, 40)]


def test_a_bid_waits_for_an_own_ask_that_it_would_cross_until_that_is_dead():
    dying = order(leg(Side.SELL, 41, 100), OrderState.PENDING_CANCEL)
    assert planned([leg(Side.BUY, 41, 100)], [dying]).place == []
    assert planned([leg(Side.BUY, 40, 100)], [dying]).place != []


def test_a_place_never_crosses_the_market():
    assert planned([leg(Side.BUY, 50, 10)], book=market(48, 50)).place == []
    assert planned([leg(Side.SELL, 48, 10)], book=market(48, 50)).place == []
    assert planned([leg(Side.BUY, 49, 10)], book=market(48, 50)).place != []


def test_two_legs_of_one_wave_never_cross_each_other():
    assert len(planned([leg(Side.BUY, 50, 10), leg(Side.SELL, 50, 10)]).place) == 1


def test_a_slot_that_rests_after_a_refusal_is_left_alone():
    wanted = leg(Side.BUY, 40, 100)
    assert planned([wanted], held=frozenset({wanted.slot})) == ([], [], [wanted.slot])


legs = st.builds(leg, st.sampled_from(Side), st.integers(1, 99), st.integers(5, 400), st.integers(0, 2), st.booleans())
lists = st.lists(legs, max_size=6, unique_by=lambda made: made.slot)
living = st.sampled_from([OrderState.PENDING_NEW, OrderState.WORKING, OrderState.PENDING_CANCEL, OrderState.UNKNOWN])
live = st.lists(st.tuples(legs, living), max_size=5)


@given(lists, live, st.integers(0, 500), st.integers(0, 500), st.integers(0, 1000))
def test_whatever_fills_of_the_old_and_the_new_orders_no_limit_breaks_further(wanted, resting, yes, no, cash):
    have = Holdings(yes * MICRO, no * MICRO, (yes - no) * MICRO, (yes + no) * MICRO, cash * MICRO)
    orders = [order(made, state, f"o{n}") for n, (made, state) in enumerate(resting)]
    result = planned(wanted, orders, have)
    for placed in result.place:
        everything = [*result.place, *(made for made, _ in resting)]
        same_side = [made for made in everything if made.slot.side is placed.slot.side]
        net = have.net_micro if placed.slot.side is Side.BUY else -have.net_micro
        assert net + sum(made.size_micro for made in same_side) <= CAPS.max_position_micro
        alike = [made for made in everything if made.side is placed.side]
        if placed.side is Side.SELL:
            sellable = have.yes_sellable_micro if placed.token_id == "1" else have.no_sellable_micro
            assert sum(made.size_micro for made in alike if made.token_id == placed.token_id) <= sellable
        else:
            assert have.gross_micro + sum(made.size_micro for made in alike) <= CAPS.gross_cap_micro
            assert sum(notional_micro(made.price_bp, made.size_micro) for made in alike) <= have.cash_micro


@given(lists, live)
def test_no_place_crosses_an_own_order_and_every_leg_is_kept_placed_or_waiting(wanted, resting):
    orders = [order(made, state, f"o{n}") for n, (made, state) in enumerate(resting)]
    result = planned(wanted, orders)
    everything = [*result.place, *(made for made, _ in resting)]
    for placed in result.place:
        for other in (made for made in everything if made.slot.side is not placed.slot.side):
            low, high = (placed, other) if placed.slot.side is Side.BUY else (other, placed)
            assert low.yes_price_bp < high.yes_price_bp
    kept = {o.slot for o in orders if o.state is OrderState.WORKING and o not in result.cancel}
    assert {made.slot for made in wanted} <= kept | {made.slot for made in result.place} | set(result.waiting)
    assert all(o.state is OrderState.WORKING for o in result.cancel)
