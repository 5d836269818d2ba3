"""Text of a setting → its typed value, or a sentence that says what it was and what it must be. Pure; used by `config.py` only."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from trader.model.setting import Limits, Secret
from trader.settings import Declaration

_INTEGER = re.compile(r"[-+]?\d{1,18}(_\d{3})*")
_NUMBER = re.compile(r"[-+]?(\d{1,18}(_\d{3})*(\.\d*)?|\.\d+)([eE][-+]?\d{1,3})?")

SWITCH = {"true": True, "false": False}


class Rejected(Exception):
    """This text cannot be the value. The message names no secret."""


def value_from_text(declared: Declaration, text: str) -> Any:
    """The value of a key. Raises Rejected with a sentence: "was 0, must be 1-100 1/s."."""
    if declared.limits.unit == "url" and text.strip():
        return _url(text.strip(), "ws" if declared.path.rpartition(".")[2].startswith("ws_") else "http")
    return _CONVERSIONS[declared.kind](declared.limits, text.strip())


def range_text(kind: type, limits: Limits) -> str:
    """What the value may be, for messages and documents: "1-100 1/s", "one of embedded, live"."""
    if kind is bool:
        return "true or false"
    if limits.choices:
        return f"one of {', '.join(limits.choices)}"
    unit = f" {limits.unit}" if limits.unit else ""
    if limits.low is not None and limits.high is not None:
        return f"{number_text(limits.low)}-{number_text(limits.high)}{unit}"
    if limits.low is not None:
        return f"at least {number_text(limits.low)}{unit}"
    if limits.high is not None:
        return f"at most {number_text(limits.high)}{unit}"
    return f"any number{unit}" if kind in (int, float) else limits.unit or "text"


def number_text(number: float) -> str:
    """Twelve digits at most and no exponent for what people write in a configuration: 10000000, 0.001."""
    return str(number) if isinstance(number, int) else f"{number:.12g}"


def _integer(limits: Limits, text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise Rejected(f"was {text[:40]!r}, must be a whole number, {range_text(int, limits)}.")
    return int(_within_limits(limits, int(text), text, int))


def _number(limits: Limits, text: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise Rejected(f"was {text[:40]!r}, must be a number, {range_text(float, limits)}.")
    return _within_limits(limits, float(text.replace("_", "")), text, float)


def _within_limits(limits: Limits, number: float, text: str, kind: type) -> float:
    too_low = limits.low is not None and number < limits.low
    too_high = limits.high is not None and number > limits.high
    if too_low or too_high:
        raise Rejected(f"was {text[:40]}, must be {range_text(kind, limits)}.")
    return number


def _text(limits: Limits, text: str) -> str:
    if limits.choices and text not in limits.choices:
        raise Rejected(f"was {text[:40]!r}, must be {range_text(str, limits)}.")
    return text


def _url(text: str, scheme: str) -> str:
    if not re.fullmatch(scheme + r"s?://[^\s/]+\S*", text):
        raise Rejected(f"was {text[:80]!r}, must be an address that begins with {scheme}s:// or {scheme}://.")
    return text.rstrip("/")        # paths are appended with their own slash


def _switch(limits: Limits, text: str) -> bool:
    if text not in SWITCH:
        raise Rejected(f"was {text[:40]!r}, must be true or false.")
    return SWITCH[text]


def _secret(limits: Limits, text: str) -> Secret:
    return Secret(text)


_CONVERSIONS: dict[type, Callable[[Limits, str], Any]] = {bool: _switch, int: _integer, float: _number, str: _text, Secret: _secret}
