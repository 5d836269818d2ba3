"""A small run of tools/fair_value.py: the fair price as a forecast, judged by what happened. 40 hours of each world, 440 forecasts."""

import runpy
from pathlib import Path

import pytest

HOURS, SEED = 40, 4


@pytest.fixture(scope="module")
def judged():
    tool = runpy.run_path(str(Path(__file__).parents[2] / "tools" / "fair_value.py"))
    return {world.name: tool["report"](list(tool["forecasts"](world, HOURS, SEED))) for world in tool["WORLDS"]}


@pytest.mark.parametrize("world", ["steady", "restless", "jumpy"])
def test_it_beats_certainty_in_every_world(judged, world):
    brier = judged[world]["brier"]
    assert brier["ours"] < 0.75 * brier["naive"]


def test_it_loses_next_to_nothing_to_whoever_knows_a_volatility_that_never_changes(judged):
    brier = judged["steady"]["brier"]
    assert brier["ours"] < brier["constant"] + 0.002


def test_nine_of_ten_true_probabilities_are_in_the_band(judged):
    assert judged["steady"]["truth_inside_band"] == pytest.approx(0.9, abs=0.05)


def test_forecasts_come_true_as_often_as_they_say(judged):
    assert judged["steady"]["calibration_error"]["ours"] < 0.07      # what 40 hours can resolve
