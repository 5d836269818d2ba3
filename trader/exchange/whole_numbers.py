"""Numbers in what a client sends. Pure."""

from __future__ import annotations

MOST_DIGITS = 18        # fits 64 bits


def is_whole_number(text: str) -> bool:
    """Plain digits, of a length that means something: `int` takes other scripts' digits too, and fails beyond 4,300 of them."""
    return text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS
