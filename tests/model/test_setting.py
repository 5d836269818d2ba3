"""A secret leaves through `reveal()` only; a setting carries its limits."""

from __future__ import annotations

import copy
import json
import logging
import pickle
from dataclasses import asdict, dataclass, fields

import orjson
import pytest

from trader.errors import ConfigError
from trader.model.setting import Secret, limits_of, setting

TEXT = "0xfeedfacecafe"


@dataclass(frozen=True)
class Account:
    api_key: Secret = setting(secret=True, env="PM_API_KEY")
    hz: int = setting(20, "Ticks a second.", unit="1/s", low=1, high=100)


@dataclass(frozen=True)
class Undeclared:
    """Somebody forgot `secret=True`: the type must still hold."""

    api_key: Secret


@pytest.mark.parametrize("show", [
    repr, str, format, "{}".format, "{!r}".format, "%s".__mod__, "%r".__mod__, lambda s: f"{s}", lambda s: str([s]),
    lambda s: str({"key": s}), lambda s: repr((s,)), lambda s: str(ConfigError(f"key {s} refused.", remedy="Check it.")),
    lambda s: json.dumps(s, default=str), lambda s: orjson.dumps(s, default=str).decode(), lambda s: ascii(s),
    lambda s: repr(Account(s)), lambda s: repr(Undeclared(s)), lambda s: str(asdict(Undeclared(s))), lambda s: repr(copy.deepcopy(s)),
])
def test_a_secret_is_shown_as_nothing_but_stars(show):
    assert TEXT not in show(Secret(TEXT))


@pytest.mark.parametrize("write", [json.dumps, orjson.dumps, pickle.dumps, "".join, lambda s: "" + s, lambda s: f"{s:>20}", vars,
                                   lambda s: b"".join([s]), lambda s: pickle.dumps(s, protocol=2)])
def test_a_secret_cannot_be_written_out_by_accident(write):
    with pytest.raises((TypeError, AttributeError)) as caught:
        write(Secret(TEXT))
    assert TEXT not in str(caught.value)


def test_a_secret_in_a_log_record_is_stars(caplog):
    with caplog.at_level(logging.INFO):
        logging.getLogger("trader.test").info("connecting with %s and %r", Secret(TEXT), Account(Secret(TEXT)))
    assert "***" in caplog.text
    assert TEXT not in caplog.text


def test_reveal_is_the_way_to_the_content():
    assert Secret(TEXT).reveal() == TEXT


def test_secrets_compare_by_content_and_never_equal_plain_text():
    assert Secret(TEXT) == Secret(TEXT)
    assert hash(Secret(TEXT)) == hash(Secret(TEXT))
    assert Secret(TEXT) != Secret("other")
    assert Secret(TEXT) != TEXT


def test_an_empty_secret_is_false_so_that_a_missing_key_is_seen():
    assert not Secret("")
    assert Secret(TEXT)


def test_a_setting_carries_its_limits_beside_its_default():
    hz = next(f for f in fields(Account) if f.name == "hz")
    assert hz.default == 20
    assert limits_of(hz)._asdict() == {"unit": "1/s", "low": 1, "high": 100, "choices": (), "secret": False, "env": None,
                                       "help": "Ticks a second.", "alias": ""}


def test_a_setting_without_a_default_is_required():
    with pytest.raises(TypeError, match="api_key"):
        Account()
