"""The harness itself: what system tests and soaks start desks with."""

import time

import pytest


def test_waiting_for_a_desk_that_has_ended_fails_at_once_with_its_log(start_desk, tmp_path):
    began_s = time.monotonic()
    desk = start_desk(tmp_path / "missing.yaml")
    with pytest.raises(AssertionError, match=r"(?s)before it ended.*missing\.yaml"):
        desk.wait_for("quoting starts", 60)
    assert time.monotonic() - began_s < 30
