"""Chores: things to do at a deadline."""

from hypothesis import given
from hypothesis import strategies as st

from trader.executor.state import Chore
from trader.model.cycle import Now


def test_a_chore_asked_for_twice_is_done_once_and_at_the_earlier_moment(new_desk):
    for delays in ([5, 100], [100, 5]):
        state = new_desk().state
        for delay_ms in delays:
            state.later(Chore.ASK, "o1", delay_ms)
        state.now = Now(5_000_000, 0)
        assert state.due() == (Chore.ASK, "o1")
        state.now = Now(100_000_000, 0)
        assert state.due() is None and state.next_deadline_ns() is None


def test_a_chore_that_was_done_can_be_asked_for_again(new_desk):
    state = new_desk().state
    for _ in range(2):
        state.later(Chore.BALANCES, "", 0)
        assert state.due() == (Chore.BALANCES, "") and state.due() is None


@given(st.lists(st.tuples(st.sampled_from(Chore), st.sampled_from("abc"), st.integers(0, 50)), max_size=12))
def test_chores_fall_due_in_the_order_of_their_deadlines_each_once(new_desk, wanted):
    state = new_desk().state
    earliest = {}
    for chore, key, delay_ms in wanted:
        state.later(chore, key, delay_ms)
        earliest[chore, key] = min(delay_ms, earliest.get((chore, key), delay_ms))
    state.now = Now(50_000_000, 0)
    done = list(iter(state.due, None))
    assert sorted(done) == sorted(earliest) and [earliest[c] for c in done] == sorted(earliest.values())


def test_salts_stay_below_2_to_the_53_because_they_travel_as_json_numbers(new_desk):
    state = new_desk().state
    state._salt = 2**53 - 2
    assert [state.next_salt() for _ in range(3)] == [2**53 - 1, 0, 1]
