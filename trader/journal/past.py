"""Where a run is written, and what earlier ones of the same wallet left behind. Claimed on the thread that starts a trader."""

from __future__ import annotations

from typing import NamedTuple

from trader.journal.folder import JournalFolder, claim_embedded, claim_live, journal_root
from trader.journal.recall import recall
from trader.journal.settings import JournalSettings
from trader.model.market import Market
from trader.model.recall import NOTHING_RECALLED, Recalled


class Past(NamedTuple):
    folder: JournalFolder        # `release` gives it back
    recalled: Recalled

    def undecided(self, now_ms: int) -> list[Market]:
        """Windows that have closed and whose outcome nobody has heard."""
        return [window.market for window in self.recalled.windows if window.winning_token is None and window.market.close_ms <= now_ms]


def claim_past(settings: JournalSettings, mode: str, address: str, now_ms: int) -> Past:
    """Play money has no past. Raises JournalError, and LockedOut when another process writes there."""
    root = journal_root(settings)
    if mode == "embedded":
        return Past(claim_embedded(root), NOTHING_RECALLED)
    folder = claim_live(root, address)
    try:
        return Past(folder, recall(folder.path, now_ms))
    except BaseException:
        folder.release()
        raise
