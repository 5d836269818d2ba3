"""The dead-man's switch."""

from __future__ import annotations

import itertools

import pytest

from trader.exchange.heartbeats import Heartbeats
from trader.exchange.refusal import Refusal


@pytest.fixture
def heartbeats():
    numbers = itertools.count(1)
    return Heartbeats(lambda: f"beat-{next(numbers)}")


def test_each_beat_must_show_the_id_that_the_last_one_gave(heartbeats):
    assert heartbeats.beat("key", "", 0) == "beat-1"
    assert heartbeats.beat("key", "beat-1", 1) == "beat-2"
    with pytest.raises(Refusal) as refused:
        heartbeats.beat("key", "beat-1", 2)
    assert refused.value.body == {"error_msg": "Invalid Heartbeat ID", "heartbeat_id": "beat-2"}


def test_a_key_that_never_beat_never_expires(heartbeats):
    assert heartbeats.expired(10**9) == []


def test_silence_expires_once_and_a_later_beat_arms_again(heartbeats):
    heartbeats.beat("key", "", 0)
    assert heartbeats.expired(9_999) == []
    assert heartbeats.expired(10_000) == ["key"]
    assert heartbeats.expired(20_000) == []
    assert heartbeats.beat("key", "whatever", 20_000) == "beat-2"


def test_a_wrong_beat_does_not_count_as_a_sign_of_life(heartbeats):
    heartbeats.beat("key", "", 0)
    with pytest.raises(Refusal):
        heartbeats.beat("key", "wrong", 9_000)
    assert heartbeats.expired(10_000) == ["key"]
