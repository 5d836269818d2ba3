"""A plain wait of the calling thread, for the one case of having nothing to wait for: a server asked us to come back later."""

from __future__ import annotations

import threading


def pause(seconds: float) -> None:
    """Injected where it is used, so that a test moves its clock instead."""
    threading.Event().wait(seconds)
