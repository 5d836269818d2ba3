"""How a folder declares a setting: default, range, unit and consequence stand beside the field that they describe.

`config.py` reads these declarations to validate conf.yaml and to explain what is wrong; nothing here does I/O.
"""

from __future__ import annotations

from dataclasses import MISSING, Field, field
from typing import Any, NamedTuple, NoReturn, cast


class Limits(NamedTuple):
    """What a value may be. `low` and `high` are inclusive; `choices` lists the only allowed texts."""

    unit: str
    low: float | None
    high: float | None
    choices: tuple[str, ...]
    secret: bool
    env: str | None              # environment variable that overrides the file
    help: str                    # what the key does and what follows from a higher or lower value
    alias: str                   # another name of the key in the same section; empty: none


def setting(
    default: Any = MISSING,
    help: str = "",
    *,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    secret: bool = False,
    env: str | None = None,
    alias: str = "",
) -> Any:
    """A dataclass field with its limits. Without a default the key is required."""
    limits = Limits(unit, low, high, choices, secret, env, help, alias)
    return field(default=default, metadata={"limits": limits}, repr=not secret)


def limits_of(declared: Field[Any]) -> Limits:
    """The limits that `setting` attached to this field."""
    return cast(Limits, declared.metadata["limits"])


class Secret:
    """Text that must never be shown. Prints as ***; `reveal()` is the only way to the content, and easy to search for.

    Not a `str`: a serializer or a join would write a subclass out in clear.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "***"

    def __deepcopy__(self, memo: object) -> Secret:
        return self                      # immutable; dataclasses.asdict copies every value

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled: the text would stand in clear. Pass the name of its variable or file instead.")

    def reveal(self) -> str:
        return self._text
