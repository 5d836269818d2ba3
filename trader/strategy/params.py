"""The `params` of conf.yaml → a strategy's frozen `Params`, or everything that is wrong with them at once. Pure.

Called when a configuration is loaded, when the desk is built and on a reload, on the thread that does this.
A `Params` is a frozen dataclass of int, float, str and bool settings and of tuples of such dataclasses. It may name other spellings
of its keys in `ALIASES`, and refuse in `__post_init__` what its keys cannot show alone, with a ConfigError.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from difflib import get_close_matches
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import orjson

from trader.errors import ConfigError
from trader.model.setting import Limits

P = TypeVar("P")
_KINDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
_REMEDY = "docs/strategies.md lists the parameters of each strategy."


class _Wrong(Exception):
    """One value cannot be taken; collected, never seen outside."""


def params_from(kind: type[P], text: str) -> P:
    """`text` is JSON; empty means nothing was given."""
    try:
        given = orjson.loads(text) if text else {}
    except orjson.JSONDecodeError as why:
        raise ConfigError(f"strategy.params is not JSON ({why}).", remedy="Give `key: value` lines, or JSON on the command line.") from None
    problems: list[str] = []
    found = _built(kind, given, "strategy.params", problems)
    if problems:
        raise ConfigError(" ".join(problems), remedy=_REMEDY)
    return found                                             # type: ignore[no-any-return]   # of `kind`, which mypy cannot follow


def _built(kind: type[Any], given: Any, path: str, problems: list[str]) -> Any:
    if not isinstance(given, dict):
        problems.append(f"{path}: was {given!r:.40}, must be `key: value` lines.")
        return None
    declared = {one.name: one for one in fields(kind)}
    aliases = getattr(kind, "ALIASES", {})
    kinds, values, before = get_type_hints(kind), {}, len(problems)
    for key, value in given.items():
        name = aliases.get(key, key)
        if name in values:
            problems.append(f"{path}.{key}: was given before under another name. Remove one.")
        elif name in declared:
            values[name] = _value(kinds[name], declared[name], value, f"{path}.{key}", problems)
        else:
            problems.append(f"{path}.{key}: unknown key; {_did_you_mean(key, [*declared, *aliases])}")
    problems += [f"{path}.{name}: is missing." for name, one in declared.items() if name not in values and _is_required(one)]
    return kind(**values) if len(problems) == before else None


def _is_required(declared: Field[Any]) -> bool:
    return declared.default is MISSING and declared.default_factory is MISSING


def _value(kind: Any, declared: Field[Any], given: Any, path: str, problems: list[str]) -> Any:
    if get_origin(kind) is tuple and is_dataclass(item := get_args(kind)[0]):
        if not isinstance(given, list):
            problems.append(f"{path}: was {given!r:.40}, must be a list.")
            return ()
        return tuple(_built(item, one, f"{path}[{number}]", problems) for number, one in enumerate(given))    # type: ignore[arg-type]
    try:
        value = _converted(kind, given)
        for fault in _limit_faults(declared.metadata.get("limits"), value):
            raise _Wrong(fault)
    except _Wrong as why:
        problems.append(f"{path}: was {given!r:.40}, must be {why}.")
        return declared.default
    return value


def _converted(kind: Any, given: Any) -> Any:
    if kind in (str, int, bool) and type(given) is kind:
        return given
    if kind is float and type(given) in (int, float, str) and math.isfinite(number := _number(given)):
        return number
    raise _Wrong(_KINDS.get(kind, f"a {kind}"))


def _number(given: float | str) -> float:
    try:
        return float(given)
    except ValueError:
        return math.nan


def _limit_faults(limits: Limits | None, value: Any) -> Iterator[str]:
    if limits is None:
        return
    if limits.choices and value not in limits.choices:
        yield f"one of {', '.join(limits.choices)}"
    if limits.low is not None and value < limits.low:
        yield f"at least {limits.low:.12g} {limits.unit}".strip()
    if limits.high is not None and value > limits.high:
        yield f"at most {limits.high:.12g} {limits.unit}".strip()


def _did_you_mean(key: str, known: list[str]) -> str:
    close = get_close_matches(key, known, 1, 0.7)
    return f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known) or 'none'}."
