from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader.errors import ConfigError
from trader.model.setting import setting
from trader.strategy.params import params_from


@dataclass(frozen=True)
class Step:
    ALIASES: ClassVar[Mapping[str, str]] = {"avgSize": "size"}
    size: float = setting(low=0, high=100)


@dataclass(frozen=True)
class Rule:
    levels: int = setting(1, low=1, high=10)
    edge: float = setting(0.5, unit="¢", low=0, high=45)
    source: str = setting("fair", choices=("fair", "clob"))
    steps: tuple[Step, ...] = setting(())
    loud: bool = setting(False)
    notes: list[str] = field(default_factory=list)


@pytest.mark.parametrize("text", ["", "{}"])
def test_nothing_given_is_all_defaults(text):
    assert params_from(Rule, text) == Rule()


def test_values_reach_their_fields_and_lists_become_tuples():
    text = '{"levels": 2, "edge": 1, "source": "clob", "steps": [{"size": 5}, {"avgSize": "7.5"}], "loud": true}'
    assert params_from(Rule, text) == Rule(2, 1.0, "clob", (Step(5.0), Step(7.5)), loud=True)


@pytest.mark.parametrize(("text", "said"), [
    ('{"level": 2}', "strategy.params.level: unknown key; did you mean 'levels'?"),
    ('{"zzz": 2}', "strategy.params.zzz: unknown key; known are levels, edge, source, steps, loud, notes."),
    ('{"levels": 0}', "strategy.params.levels: was 0, must be at least 1."),
    ('{"levels": 2.0}', "strategy.params.levels: was 2.0, must be a whole number."),
    ('{"levels": true}', "strategy.params.levels: was True, must be a whole number."),
    ('{"edge": 46}', "strategy.params.edge: was 46, must be at most 45 ¢."),
    ('{"edge": "nan"}', "strategy.params.edge: was 'nan', must be a number."),
    ('{"edge": "-inf"}', "strategy.params.edge: was '-inf', must be a number."),
    ('{"loud": 1}', "strategy.params.loud: was 1, must be true or false."),
    ('{"edge": null}', "strategy.params.edge: was None, must be a number."),
    ('{"source": "x"}', "strategy.params.source: was 'x', must be one of fair, clob."),
    ('{"steps": 3}', "strategy.params.steps: was 3, must be a list."),
    ('{"steps": [3]}', "strategy.params.steps[0]: was 3, must be `key: value` lines."),
    ('{"steps": [{}]}', "strategy.params.steps[0].size: is missing."),
    ('{"steps": [{"size": 1, "avgSize": 2}]}', "strategy.params.steps[0].avgSize: was given before under another name. Remove one."),
    ("[1]", "strategy.params: was [1], must be `key: value` lines."),
])
def test_what_is_wrong_is_named(text, said):
    with pytest.raises(ConfigError) as caught:
        params_from(Rule, text)
    assert caught.value.problem == said


def test_every_problem_is_told_at_once():
    with pytest.raises(ConfigError) as caught:
        params_from(Rule, '{"levels": 0, "edge": 99, "x": 1}')
    assert caught.value.problem.count("strategy.params.") == 3


def test_text_that_is_no_json_says_how_to_write_it():
    with pytest.raises(ConfigError, match=r"is not JSON .* Give `key: value` lines"):
        params_from(Rule, "levels: 2")


json_values = st.recursive(st.none() | st.booleans() | st.integers(-99, 99) | st.floats(-9, 99) | st.text(max_size=4),
                           lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["size", "avgSize", "q"]), inner))


@given(st.dictionaries(st.sampled_from(["levels", "edge", "source", "steps", "other"]), json_values))
def test_anything_is_a_valid_rule_or_one_config_error(given_values):
    try:
        rule = params_from(Rule, orjson.dumps(given_values).decode())
    except ConfigError:
        return
    assert 1 <= rule.levels <= 10 and 0 <= rule.edge <= 45 and all(0 <= step.size <= 100 for step in rule.steps)
