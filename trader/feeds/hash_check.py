"""Counts how the venue's hash of a whole book compares with ours, and gives the check up when it cannot be right. Pure.

Owned by the thread `verify`. It only advises: the recipe covers fields that may come late, and it has changed before.
"""

from __future__ import annotations

import logging

from trader.model.market import Market
from trader.venues.contract import BookHash, BookSample

log = logging.getLogger(__name__)

GIVE_UP_AFTER = 20               # samples that could be told, and not one of them matched
SAMPLE_LOG_NS = 10_000_000_000   # one line to the log in this time


class HashCheck:
    def __init__(self, book_hash: BookHash) -> None:
        self._book_hash = book_hash
        self._logged_ns: int | None = None
        self.matches = self.mismatches = self.untold = 0
        self.is_on = True

    def check(self, sample: BookSample, market: Market, now_ns: int) -> bool:
        """True when the book is accused."""
        agrees = self._book_hash.agrees(sample, market)
        if agrees is None:
            self.untold += 1
        elif agrees:
            self.matches += 1
        else:
            self._mismatch(sample, now_ns)
        return agrees is False and self.is_on

    def _mismatch(self, sample: BookSample, now_ns: int) -> None:
        self.mismatches += 1
        if not self.matches and self.mismatches >= GIVE_UP_AFTER:
            self.is_on = False
            log.warning("verify: the venue's book hash did not match in any of %d samples, so its recipe has changed; the check is off "
                        "for this run. Books are still compared with the venue's own best prices. Update trader.", self.mismatches)
        elif self._logged_ns is None or now_ns - self._logged_ns >= SAMPLE_LOG_NS:
            self._logged_ns = now_ns
            log.warning("verify: the book of token %s differs from the venue's hash %s (%d of %d samples so far); asking REST",
                        sample.token_id, sample.hash, self.mismatches, self.matches + self.mismatches)
