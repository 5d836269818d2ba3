"""Which of the threads that trade does not do its work. Pure; asked by `heartbeat` before every beat."""

from __future__ import annotations

from collections.abc import Sequence

from trader.runtime.role import Role


def standing_still(roles: Sequence[Role], now_ns: int, grace_ms: int) -> str:
    """The first that crashed or is beyond its declared limit by more than `grace_ms`, with what it says it does; else empty.

    One that was stopped in order, or is not started yet, is not accused: its orders are somebody else's business by then.
    """
    for role in roles:
        declared = role.posture.now
        if role.posture.crashed:
            return f"{role.name} has crashed"
        if declared.overdue_ms(now_ns) > grace_ms:
            return f"{role.name} overstays its limit of {declared.limit_ms} ms in {declared.doing!r}"
    return ""
