"""Cycles as JSON text and back, exactly, by the type hints of the model. Pure; any thread.

A NamedTuple is an array of its fields; where one of several kinds may stand (letters, actions) it is [name, fields]. `LAYOUT` names
the shape of all kinds together: text of another layout is refused, because its fields would mean something else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import orjson

from trader.errors import JournalError
from trader.model.cycle import Cycle

T = TypeVar("T")
Decoder = Callable[[Any], Any]

_UNREADABLE = (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError)


def encode(value: Any) -> bytes:
    """A NamedTuple whose unions are all `X | None`. Raises nothing for what the model can hold."""
    try:
        return orjson.dumps(value, default=tuple)            # called for NamedTuples only: the rest of the model is plain
    except TypeError:                                        # an integer of more than 64 bits, half a surrogate pair
        return json.dumps(value, separators=(",", ":")).encode()


def encode_cycle(cycle: Cycle) -> bytes:
    return encode(cycle._replace(letters=_named(cycle.letters), actions=_named(cycle.actions)))


def decode(kind: type[T], text: bytes) -> T:
    """`json` and not orjson: integers of any length stay integers."""
    try:
        value: T = _decoder(cast(Any, kind))(json.loads(text))
    except _UNREADABLE as why:
        raise _unreadable(kind, why) from why
    return value


def encode_by_name(value: Any) -> str:
    """For what the next version must be able to read: fields may be added to it, with a default."""
    return encode({name: getattr(value, name) for name in value._fields}).decode()


def decode_by_name(kind: type[T], text: str) -> T:
    """Fields that are not there take their default; those that nobody knows any more are ignored."""
    hints = get_type_hints(kind)
    try:
        return kind(**{name: _decoder(hints[name])(value) for name, value in json.loads(text).items() if name in hints})
    except _UNREADABLE as why:
        raise _unreadable(kind, why) from why


def decode_cycle(text: bytes) -> Cycle:
    return decode(Cycle, text)


def _unreadable(kind: type, why: Exception) -> JournalError:
    return JournalError(f"the journal holds a {kind.__name__} that cannot be read: {str(why)[:200]}.",
                        remedy="Read it with the version of trader that wrote it, which its `runs` table names.")


def _named(values: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple((type(value).__name__, value) for value in values)


@cache
def _decoder(kind: Any) -> Decoder:
    """Built once a kind."""
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return _decoder_of_union(args)
    if origin is tuple and args[-1] is Ellipsis:
        each = _decoder(args[0])
        return lambda values: tuple(map(each, values))
    if origin is tuple:
        return _decoder_of_fields(lambda fields: tuple(fields), args)
    if hasattr(kind, "__supertype__"):                       # NewType
        supertype: Decoder = _decoder(kind.__supertype__)
        return supertype
    if hasattr(kind, "_fields"):
        return _decoder_of_fields(kind._make, tuple(get_type_hints(kind)[name] for name in kind._fields))
    if issubclass(kind, Enum):
        return lambda value: kind(value)
    return _plain(kind)


def _decoder_of_union(args: tuple[Any, ...]) -> Decoder:
    kinds = [kind for kind in args if kind is not NoneType]
    if len(kinds) == 1:
        some = _decoder(kinds[0])
        return lambda value: None if value is None else some(value)
    by_name = {kind.__name__: _decoder(kind) for kind in kinds}
    return lambda pair: by_name[pair[0]](pair[1])


def _decoder_of_fields(make: Callable[[Iterator[Any]], Any], kinds: tuple[Any, ...]) -> Decoder:
    decoders = tuple(map(_decoder, kinds))
    return lambda values: make(decoder(value) for decoder, value in zip(decoders, values, strict=True))


def _plain(kind: type) -> Decoder:
    def checked(value: Any) -> Any:
        if type(value) is not kind:
            raise TypeError(f"{value!r} where {kind.__name__} must be")
        return value
    return checked


def _shapes(kind: Any, seen: set[Any]) -> Iterator[str]:
    """Every NamedTuple and enumeration that `kind` can hold, as a line each."""
    if kind in seen:
        return
    seen.add(kind)
    if hasattr(kind, "_fields"):
        hints = get_type_hints(kind)
        yield f"{kind.__name__}({', '.join(f'{name}: {hints[name]}' for name in kind._fields)})"
        for name in kind._fields:
            yield from _shapes(hints[name], seen)
    elif isinstance(kind, type) and issubclass(kind, Enum):
        yield f"{kind.__name__}{sorted(str(member.value) for member in kind)}"
    for part in get_args(kind):
        yield from _shapes(part, seen)


LAYOUT = hashlib.sha256("\n".join(sorted(_shapes(Cycle, set()))).encode()).hexdigest()[:12]
