"""One REST request as the routes see it. Immutable; made by `http` on a REST worker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from trader.exchange.refusal import INVALID_PAYLOAD, Refusal
from trader.exchange.whole_numbers import is_whole_number


class Request(NamedTuple):
    method: str
    path: str               # without query
    argument: str           # the last part of the path, for routes that end in "/"
    query: Mapping[str, str]        # of a parameter that is given several times the last one; `values` has them all
    headers: Mapping[str, str]      # POLY_* only
    body: bytes
    pairs: tuple[tuple[str, str], ...] = ()

    def values(self, name: str) -> tuple[str, ...]:
        """Every value of a parameter that may be given several times, as in `?id=1&id=2`; none when it is not given."""
        given = tuple(value for key, value in self.pairs if key == name)
        return given or ((self.query[name],) if name in self.query else ())

    def number(self, name: str, default: int, *, status: int = 400) -> int:
        """A parameter that must be a whole number."""
        text = self.query.get(name, str(default))
        if not is_whole_number(text):
            raise Refusal(f"invalid {name}: {text[:100]}", status=status)
        return int(text)

    def json(self) -> Any:
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            raise Refusal(INVALID_PAYLOAD) from None
