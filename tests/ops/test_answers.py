"""Each command does to the trader what it says, and nothing that a request holds gets further than that."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trader.errors import ControlError
from trader.ops.answers import REASON_LIMIT, answers_of


class FakeTrader:
    def __init__(self) -> None:
        self.asked: list[Any] = []

    def stats(self) -> dict[str, Any]:
        return {"cancel_alls": {"command": 2, "boot": 1}, "roles": [{"name": "executor"}], "depths": {"inbox": 0}}

    def threads_text(self) -> str:
        return "a dump"

    def pause(self, reason: str) -> None:
        self.asked.append(("pause", reason))

    def resume(self, *, force: bool = False) -> None:
        self.asked.append(("resume", force))

    def cancel_all(self, reason: str = "cancel_all") -> None:
        self.asked.append(("cancel_all", reason))

    def flatten(self, reason: str = "flatten") -> None:
        self.asked.append(("flatten", reason))


@pytest.mark.parametrize(("request_fields", "asked"), [
    ({"command": "pause"}, ("pause", "operator")),
    ({"command": "pause", "reason": "lunch"}, ("pause", "lunch")),
    ({"command": "resume"}, ("resume", False)),
    ({"command": "resume", "force": True}, ("resume", True)),
    ({"command": "resume", "force": "yes"}, ("resume", False)),      # only true itself is strong enough
    ({"command": "cancel_all", "reason": "odd prices"}, ("cancel_all", "odd prices")),
    ({"command": "flatten", "reason": "going home"}, ("flatten", "going home")),
])
def test_a_command_reaches_the_trader_once(request_fields: dict[str, Any], asked: tuple[str, Any]) -> None:
    trader = FakeTrader()
    answers_of(trader)[request_fields["command"]](request_fields)
    assert trader.asked == [asked]


def test_a_cancel_all_tells_how_many_there_were_before_so_that_the_new_one_can_be_seen() -> None:
    assert answers_of(FakeTrader())["cancel_all"]({}) == {"before": 2}


@pytest.mark.parametrize("reason", [7, ["x"], "two\nlines", "\x1b[2J", "x" * (REASON_LIMIT + 1)])
def test_a_reason_that_would_spoil_the_log_is_refused_and_nothing_happens(reason: Any) -> None:
    trader = FakeTrader()
    with pytest.raises(ControlError, match="must be one line of at most 200 readable characters"):
        answers_of(trader)["pause"]({"reason": reason})
    assert trader.asked == []


@settings(max_examples=60, deadline=None)
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner), max_leaves=4))
def test_whatever_the_reason_is_it_is_taken_or_refused(reason: Any) -> None:
    trader = FakeTrader()
    try:
        answers_of(trader)["cancel_all"]({"reason": reason})
    except ControlError:
        assert trader.asked == []
    else:
        assert len(trader.asked) == 1


def test_threads_are_told_as_text_and_as_data_that_json_can_hold() -> None:
    answer = json.loads(json.dumps(answers_of(FakeTrader())["threads"]({})))
    assert answer["text"] == "a dump" and answer["depths"] == {"inbox": 0}
    mine = next(one for one in answer["threads"] if one["native_id"] == threading.get_native_id())
    assert mine["stack"][-1]["function"] == "sample_threads"
