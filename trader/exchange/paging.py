"""One page of a list, as every paged route of the venue answers it. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from trader.exchange.refusal import Refusal

FIRST_CURSOR, END_CURSOR = "MA==", "LTE="       # base64 of 0 and of -1


def page(rows: Sequence[Any], query: Mapping[str, str], render: Callable[[Any], Any], *, rows_a_page: int) -> dict[str, Any]:
    """Cursors are base64 of an offset; asking for the end gives an empty page, as on the live venue."""
    start = _offset(query.get("next_cursor") or FIRST_CURSOR)
    shown = rows[start:start + rows_a_page] if start >= 0 else []
    following = start + rows_a_page
    more = start >= 0 and following < len(rows)
    next_cursor = base64.b64encode(str(following).encode()).decode() if more else END_CURSOR
    return {"limit": rows_a_page, "next_cursor": next_cursor, "count": len(shown), "data": [render(row) for row in shown]}


def _offset(cursor: str) -> int:
    try:
        return int(base64.b64decode(cursor, validate=True))
    except (ValueError, binascii.Error):
        raise Refusal("invalid next_cursor") from None
