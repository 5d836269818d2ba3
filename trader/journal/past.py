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

    @property
    def undecided(self) -> list[Market]:
        """Windows whose outcome nobody has heard. One that is open still may have closed before the next one is found."""
        return [window.market for window in self.recalled.windows if window.winning_token is None]


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
