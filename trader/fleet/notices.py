"""What the log says of single markets and names with which something is wrong, each once. Owned by the thread `fl-keeper`."""

from __future__ import annotations

import logging

from trader.fleet.registry import Registry

log = logging.getLogger(__name__)


class Notices:
    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._bookless: set[str] = set()             # told of already

    def look(self, now_ns: int) -> None:
        """Each market once, until it has had its books. Its worker asks for them again all the while."""
        bookless = self._registry.bookless(now_ns)
        for entry in bookless:
            if entry.market.condition_id not in self._bookless:
                log.warning("market %s has no books %d s after it was found (connection %s, condition %s); they are asked for again",
                            entry.market.slug, (now_ns - entry.since_ns) // 10**9, entry.connection, entry.market.condition_id)
        self._bookless = {entry.market.condition_id for entry in bookless}

    def after_listing(self) -> None:
        if unmet := self._registry.groups.take_unmet():
            log.warning("no market that is watched has the slug, event or series %s of fleet.link_groups", ", ".join(unmet))
