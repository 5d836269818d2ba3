"""What `trader check` reports: a line for each thing that was looked at, and the error that they amount to. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from trader.errors import AuthError, TraderError, VenueUnreachable

OK, FAILED, SKIPPED = "ok", "FAIL", "skip"


class Check(NamedTuple):
    """One line of the report. `remedy` is empty unless it failed."""

    what: str
    verdict: str             # ok, FAIL; skip: it needs something that failed, or nobody could say
    found: str
    remedy: str = ""
    refused: bool = False    # the venue does not take our credentials

    def __str__(self) -> str:
        return f"{self.what:<15} {self.verdict:<4}  {self.found} {self.remedy}".rstrip()


def failure_of(checks: Sequence[Check]) -> TraderError | None:
    """What ends `trader check` when something failed: by its exit code a program can tell wrong credentials from the rest."""
    failed = [check.what for check in checks if check.verdict == FAILED]
    if not failed:
        return None
    kind = AuthError if any(check.refused for check in checks) else VenueUnreachable
    return kind(f"not ready to trade: {', '.join(failed)}.", remedy="The lines with FAIL say what to do.")
