"""A plain wait of the calling thread, where there is nothing to wait for: a server said "later", or another thread goes first."""

from __future__ import annotations

import threading


def pause(seconds: float) -> None:
    """Injected where it is used, so that a test moves its clock instead."""
    threading.Event().wait(seconds)
