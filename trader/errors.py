"""Everything raised on purpose, as one tree. Each class says what its catcher does.

    TraderError                    base; carries the operator's next move
    ├── ConfigError                stop       exit 2   the file, an override or the command line is wrong
    ├── AuthError                  stop       exit 3   the venue refused the credentials
    ├── VenueUnreachable           stop       exit 4   at start only: nothing answers where the venue should be
    ├── PortInUse                  stop       exit 5   somebody else listens there
    ├── OrdersMayBeOpen            stop       exit 6   shutdown could not verify that nothing is open
    ├── RoleFailed                 stop       exit 7   a role crashed or overstayed its limit
    ├── ControlError               report     exit 8   a command could not be delivered to a running trader
    ├── LockedOut                  stop       exit 9   another process trades with the same key
    ├── JournalError               stop       exit 10  the journal cannot be read or written, or does not replay
    ├── ConnectionLost             retry      with back-off, for ever
    │   └── ConnectionRefused      retry      every second: nobody listens there, so asking costs nobody anything
    ├── WireError                  skip       count it, sample it to the log; a burst trips a guard
    └── OwnershipError             stop       a programming error: a second writer appeared

`exit_code` is what the command line returns when the error ends the program (docs/errors.md).
"""

from __future__ import annotations


class TraderError(Exception):
    """Base of everything raised on purpose. `remedy` is the operator's next move; never empty."""

    exit_code = 1

    def __init__(self, problem: str, *, remedy: str) -> None:
        super().__init__(f"{problem} {remedy}")
        self.problem, self.remedy = problem, remedy


class ConfigError(TraderError):
    exit_code = 2


class AuthError(TraderError):
    exit_code = 3


class VenueUnreachable(TraderError):
    exit_code = 4


class PortInUse(TraderError):
    exit_code = 5


class OrdersMayBeOpen(TraderError):
    exit_code = 6


class RoleFailed(TraderError):
    exit_code = 7


class ControlError(TraderError):
    exit_code = 8


class LockedOut(TraderError):
    exit_code = 9


class JournalError(TraderError):
    exit_code = 10


class ConnectionLost(TraderError):
    """Retry with back-off; the connection starts from nothing again."""


class ConnectionRefused(ConnectionLost):
    """Nobody listens there. Retry every second (docs/decisions/0004)."""


class WireError(TraderError):
    """A frame or an answer we cannot read. Count it, sample it, skip it."""


class OwnershipError(TraderError):
    """A second thread wrote to what another owns. Never caught: it is a bug."""
