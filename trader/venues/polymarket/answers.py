"""What the venue's answers mean. The one place where its status codes and texts become an `Outcome`. Pure; any thread.

Nothing here guesses in our favour: what is not clearly a success or a refusal is UNKNOWN, and the executor asks by id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from trader.model.event import Answer, Outcome
from trader.venues.contract import RateNote

DEFAULT_RETRY_MS = 1000
MAX_RETRY_MS = 300_000       # asked for more, we ask again after this: a restart with its post-only window takes half of it
NOT_SENT = 0                 # instead of a status: no connection was made, so nothing can have happened
LOST = -1                    # instead of a status: something was sent, no answer came

_PASSES = frozenset({Outcome.RATE_LIMITED, Outcome.VENUE_MODE})          # the same request may succeed after a pause
_ACCEPTED = frozenset({"live", "matched", "delayed"})
_BY_STATUS = {
    NOT_SENT: Outcome.VENUE_MODE,
    LOST: Outcome.UNKNOWN,
    401: Outcome.AUTH,
    403: Outcome.AUTH,                   # the country is blocked, or the address; the body may be HTML
    404: Outcome.NOT_FOUND,
    425: Outcome.VENUE_MODE,             # the matching engine restarts
    429: Outcome.RATE_LIMITED,
}
_FINAL = frozenset({NOT_SENT, LOST, 401, 403, 425, 429})         # the status says it all, whatever the text
_MODES = ("post-only mode", "cancel-only", "currently disabled")         # the texts of 503
_BY_TEXT = (
    ("order crosses book", Outcome.WOULD_CROSS),
    ("no orders found to match", Outcome.NO_MATCH),
    ("not enough balance", Outcome.INSUFFICIENT_BALANCE),        # "… / allowance" too: it is told only by the detail
    ("duplicated", Outcome.DUPLICATE),
    ("not found or already cancel", Outcome.NOT_FOUND),
    ("already matched", Outcome.NOT_FOUND),
    ("already cancel", Outcome.NOT_FOUND),
    ("order not found", Outcome.NOT_FOUND),
    ("not yet ready", Outcome.MARKET_CLOSED),
    ("market not found", Outcome.MARKET_CLOSED),
    ("market is closed", Outcome.MARKET_CLOSED),
    ("market is resolved", Outcome.MARKET_CLOSED),
    ("no orderbook", Outcome.MARKET_CLOSED),
    ("orderbook", Outcome.MARKET_CLOSED),        # "the orderbook … does not exist"
    ("invalid signature", Outcome.AUTH),
    ("maker address not allowed", Outcome.AUTH),
    ("signer address has to be", Outcome.AUTH),
    ("api key", Outcome.AUTH),
    ("unauthorized", Outcome.AUTH),
    ("address banned", Outcome.AUTH),
    ("closed only mode", Outcome.AUTH),
    ("rate limit", Outcome.RATE_LIMITED),
    ("too many requests", Outcome.RATE_LIMITED),
    ("could not insert order", Outcome.UNKNOWN),
    ("timed out", Outcome.UNKNOWN),
    *((mode, Outcome.VENUE_MODE) for mode in _MODES),
)


class Reply(NamedTuple):
    """An answer as it came: decoded where it is JSON, with the pause that the venue asks for."""

    status: int
    body: Any                # None when it is not JSON
    text: str                # the venue's own words, for the log: its error, or the start of what it sent
    retry_after_ms: int

    @property
    def outcome(self) -> Outcome:
        return Outcome.OK if self.status == 200 else outcome_of(self.status, self.text)


def outcome_of(status: int, text: str) -> Outcome:
    """A refusal is a refusal only below 500: an engine that fails may have taken the order first."""
    lowered = text.lower()
    if status in _FINAL:
        return _BY_STATUS[status]
    if status >= 500:
        return Outcome.VENUE_MODE if any(mode in lowered for mode in _MODES) else Outcome.UNKNOWN
    for words, outcome in _BY_TEXT:
        if words in lowered:
            return outcome
    return _BY_STATUS.get(status, Outcome.INVALID if 400 <= status < 500 else Outcome.UNKNOWN)


def error_text(body: Any, raw: str) -> str:
    """`{"error": …}`, `{"errorMsg": …}` or whatever it is."""
    if isinstance(body, dict):
        for name in ("error", "errorMsg", "error_msg"):
            if body.get(name):
                return str(body[name])
    return raw[:200]


def retry_after_ms(headers: Mapping[str, str], body: Any) -> int:
    """`Retry-After` in seconds, or the body's `retry_after_seconds`, or a second."""
    said = headers.get("Retry-After") or (body.get("retry_after_seconds") if isinstance(body, dict) else None)
    try:
        return min(MAX_RETRY_MS, max(0, int(float(said) * 1000))) if said is not None else DEFAULT_RETRY_MS
    except (TypeError, ValueError, OverflowError):   # the other form of the header is a date: never seen here
        return DEFAULT_RETRY_MS


def rate_note(reply: Reply, headers: Mapping[str, str], wall_ms: int, *, is_cancel: bool) -> RateNote:
    """The account's allowance as this answer shows it. `Poly-RateLimit-Reset` counts for a refusal only: with an accepted request
    it may be any moment."""
    remaining = _whole_number(headers.get("Poly-RateLimit-Remaining"))
    if reply.status != 429:
        return RateNote(is_cancel, remaining, 0)
    reset_s = _whole_number(headers.get("Poly-RateLimit-Reset"))
    if reset_s is None or headers.get("Retry-After"):
        return RateNote(is_cancel, remaining, reply.retry_after_ms)
    return RateNote(is_cancel, remaining, min(MAX_RETRY_MS, max(0, reset_s * 1000 - wall_ms)))


def _whole_number(text: str | None) -> int | None:
    """None for what is not there or cannot be meant: a wrong correction is worse than none."""
    try:
        number = int(float(text)) if text else None
    except (ValueError, OverflowError):
        return None
    return number if number is not None and abs(number) < 1 << 40 else None


def pause_ms(outcome: Outcome, asked_ms: int) -> int:
    """A pause only where waiting helps."""
    return asked_ms if outcome in _PASSES else 0


def place_answers(order_ids: Sequence[str], reply: Reply) -> tuple[Answer, ...]:
    """One answer an order, in the order of the request. A batch that is not answered row by row is unknown row by row."""
    if reply.outcome is not Outcome.OK:
        return _same_answer(order_ids, reply)
    rows = reply.body if isinstance(reply.body, list) else [reply.body]
    if len(rows) != len(order_ids):
        return tuple(Answer(i, Outcome.UNKNOWN, f"{len(rows)} answers for {len(order_ids)} orders") for i in order_ids)
    return tuple(_place_answer(order_id, row) for order_id, row in zip(order_ids, rows, strict=True))


def _same_answer(order_ids: Sequence[str], reply: Reply) -> tuple[Answer, ...]:
    """The request as a whole was refused or lost."""
    retry_ms = pause_ms(reply.outcome, reply.retry_after_ms)
    return tuple(Answer(order_id, reply.outcome, reply.text, retry_ms) for order_id in order_ids)


def _place_answer(order_id: str, row: Any) -> Answer:
    """200 and `success: true` may still be a refusal: only id, status and the absence of an error together are a success."""
    if not isinstance(row, dict):
        return Answer(order_id, Outcome.UNKNOWN, f"answer {row!r:.100}")
    error = error_text(row, "")
    if error:
        outcome = outcome_of(400, error)
        return Answer(order_id, outcome, error, pause_ms(outcome, DEFAULT_RETRY_MS))
    venue_id, status = str(row.get("orderID", "")), str(row.get("status", ""))
    if row.get("success") is True and venue_id.lower() == order_id and status in _ACCEPTED:
        return Answer(order_id, Outcome.OK, status)
    return Answer(order_id, Outcome.UNKNOWN, f"success {row.get('success')}, orderID {venue_id!r}, status {status!r}")


def cancel_answers(order_ids: Sequence[str], reply: Reply) -> tuple[Answer, ...]:
    """200 says nothing by itself: everything may stand in `not_canceled`."""
    if reply.outcome is not Outcome.OK:
        return _same_answer(order_ids, reply)
    dead, alive = cancelled_ids(reply), _not_cancelled(reply)
    return tuple(_cancel_answer(order_id, dead, alive) for order_id in order_ids)


def _cancel_answer(order_id: str, dead: tuple[str, ...], alive: dict[str, str]) -> Answer:
    if order_id in dead:
        return Answer(order_id, Outcome.OK)
    if order_id in alive:
        return Answer(order_id, outcome_of(400, alive[order_id]), alive[order_id])
    return Answer(order_id, Outcome.UNKNOWN, "the answer does not name it")


def cancelled_ids(reply: Reply) -> tuple[str, ...]:
    ids = reply.body.get("canceled") if isinstance(reply.body, dict) else None
    return tuple(str(each) for each in ids) if isinstance(ids, list) else ()


def cancel_all_outcome(reply: Reply) -> Outcome:
    """For a cancel that names no orders: OK only if the answer lists what it cancelled, were it nothing."""
    if reply.outcome is not Outcome.OK:
        return reply.outcome
    return Outcome.OK if isinstance(reply.body, dict) and isinstance(reply.body.get("canceled"), list) else Outcome.UNKNOWN


def _not_cancelled(reply: Reply) -> dict[str, str]:
    kept = reply.body.get("not_canceled") if isinstance(reply.body, dict) else None
    return {str(order_id): str(why) for order_id, why in kept.items()} if isinstance(kept, dict) else {}
