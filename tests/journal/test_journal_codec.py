"""Everything that can stand in a cycle survives the way to the disk and back, whatever the venue put into it."""

from __future__ import annotations

from typing import NamedTuple, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trader.errors import JournalError
from trader.journal.codec import decode, decode_by_name, decode_cycle, encode, encode_by_name, encode_cycle
from trader.model import cycle as cycles
from trader.model.cycle import Action, Cycle, Letter, Now, View
from trader.model.event import UserFeedDown
from trader.model.intent import Mode
from trader.model.market import Market
from trader.model.order import OrderSpec
from trader.model.recall import Recalled

EMPTY = Cycle(Now(1, 2), (), View(None, None, None, None, None, (), False, None, ""), (), (), (), Mode.STOP, "boot", (), ())
RELAXED = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


def members(union):
    return [kind for one in get_args(union) for kind in (get_args(one) or (one,))]


@pytest.mark.parametrize("kind", members(Letter), ids=lambda kind: kind.__name__)
@RELAXED
@given(data=st.data())
def test_every_letter_survives_the_round_trip(kind, data):
    letter = data.draw(st.from_type(kind))
    back = decode_cycle(encode_cycle(EMPTY._replace(letters=(letter,))))
    assert back.letters == (letter,) and type(back.letters[0]) is kind


@pytest.mark.parametrize("kind", members(Action), ids=lambda kind: kind.__name__)
@RELAXED
@given(data=st.data())
def test_every_action_survives_the_round_trip(kind, data):
    action = data.draw(st.from_type(kind))
    assert decode_cycle(encode_cycle(EMPTY._replace(actions=(action,)))).actions == (action,)


@RELAXED
@given(st.from_type(View), st.from_type(Now), st.lists(st.from_type(cycles.Guard)), st.lists(st.from_type(cycles.Latch)),
       st.lists(st.from_type(cycles.Move)), st.sampled_from(Mode))
def test_whole_cycles_survive_the_round_trip(view, now, guards, latches, moves, mode):
    whole = Cycle(now, (), view, (), (), tuple(moves), mode, "active", tuple(guards), tuple(latches))
    assert decode_cycle(encode_cycle(whole)) == whole


@RELAXED
@given(st.from_type(Recalled))
def test_what_was_recalled_survives_the_round_trip(recalled):
    assert decode(Recalled, encode(recalled)) == recalled


@pytest.mark.parametrize("letter", [UserFeedDown(2**70, ""), UserFeedDown(0, "half a pair \ud800"), UserFeedDown(-2**63 - 1, "\0")])
def test_what_json_hardly_holds_survives_all_the_same(letter):
    assert decode_cycle(encode_cycle(EMPTY._replace(letters=(letter,)))).letters == (letter,)


@pytest.mark.parametrize("kind", [Market, OrderSpec])
@RELAXED
@given(data=st.data())
def test_what_the_next_version_must_read_survives_by_name(kind, data):
    value = data.draw(st.from_type(kind))
    assert decode_by_name(kind, encode_by_name(value)) == value


class Before(NamedTuple):
    slug: str
    gone: int


class After(NamedTuple):
    slug: str
    added: str = "default"


def test_by_name_new_fields_take_their_default_and_lost_ones_are_ignored():
    assert decode_by_name(After, encode_by_name(Before("a", 1))) == After("a", "default")


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists)


@RELAXED
@given(st.binary() | JSON.map(encode))
def test_anything_else_is_refused_with_a_remedy(text):
    with pytest.raises(JournalError, match="cannot be read"):
        decode_cycle(text)
