"""What a running trader answers over its control socket, command by command. Thread `control`.

An answer is read from caches and counters, or it is a letter to the executor; nothing here waits. Who asks learns from the
next `status` what came of it.
"""

from __future__ import annotations

from typing import Any, Protocol

from trader.errors import ControlError
from trader.ops.control import Command
from trader.ops.threads import sample_threads
from trader.ops.waits import wait_of

REASON_LIMIT = 200


class Dumped(Protocol):
    """What a thread dump of a `Trader` is made of."""

    def stats(self) -> dict[str, Any]: ...
    def threads_text(self) -> str: ...


class Operated(Dumped, Protocol):
    """What operators may do with a `Trader`. After `cancel_all` it quotes again by itself, after `pause` and `flatten` by `resume`."""

    def pause(self, reason: str) -> None: ...
    def resume(self, *, force: bool = False) -> None: ...
    def cancel_all(self, reason: str = "cancel_all") -> None: ...
    def flatten(self, reason: str = "flatten") -> None: ...
    def reread(self) -> None: ...


def answers_of(trader: Operated) -> dict[str, Command]:
    """The commands by name, each from a request to the fields of its answer."""

    def pause(request: dict[str, Any]) -> dict[str, Any]:
        trader.pause(reason_in(request, "operator"))
        return {}

    def resume(request: dict[str, Any]) -> dict[str, Any]:
        trader.resume(force=request.get("force") is True)
        return {}

    def cancel_all(request: dict[str, Any]) -> dict[str, Any]:
        before = trader.stats().get("cancel_alls", {}).get("command", 0)
        trader.cancel_all(reason_in(request, "operator"))
        return {"before": before}                # who asks sees that it was done when this count has grown

    def flatten(request: dict[str, Any]) -> dict[str, Any]:
        trader.flatten(reason_in(request, "operator"))
        return {}

    def reload(request: dict[str, Any]) -> dict[str, Any]:
        before = trader.stats().get("strategy_reloads", 0)
        trader.reread()
        return {"before": before}

    return {
        "threads": lambda request: threads_answer(trader),
        "status": lambda request: {"stats": trader.stats()},
        "pause": pause, "resume": resume, "cancel_all": cancel_all, "flatten": flatten, "reload": reload,
    }


def reason_in(request: dict[str, Any], usual: str) -> str:
    """Goes into log and stats, so it is one line of readable text."""
    reason = request.get("reason") or usual
    if not isinstance(reason, str) or len(reason) > REASON_LIMIT or not reason.isprintable():
        raise ControlError(f"the reason was {str(reason)[:40]!r}, must be one line of at most {REASON_LIMIT} readable characters.",
                           remedy="Shorten it.")
    return reason


def threads_answer(trader: Dumped) -> dict[str, Any]:
    """The dump as text and, for programs, as it was collected."""
    stats, samples = trader.stats(), sample_threads()
    threads = [{**one._asdict(), "stack": [spot._asdict() for spot in one.stack]} for one in samples]
    waits = [wait_of(one.name, one.stack)._asdict() for one in samples]
    return {"text": trader.threads_text(), "threads": threads, "waits": waits, "roles": stats["roles"], "depths": stats["depths"]}
