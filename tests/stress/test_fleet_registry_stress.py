"""One writer and a hundred readers on the fleet's registry, without a lock: no read fails, none shows half of something."""

from __future__ import annotations

from trader.fleet.registry import Registry, Status
from trader.model.units import MoneyMicro, PriceBp
from trader.venues.contract import ListedMarket

MARKETS = 10_000
READERS = 100
READS = 15


def market(number: int) -> ListedMarket:
    return ListedMarket(f"0x{number}", (f"{number}y", f"{number}n"), PriceBp(100), 1, f"s{number}", "", (), MoneyMicro(0))


def test_a_hundred_readers_see_whole_entries_while_ten_thousand_markets_change(run_together):
    registry, reading = Registry(), [True] * READERS
    for number in range(MARKETS):
        registry.add(market(number), number)
        registry.place(f"0x{number}", number % 25)
    changes = 0

    def write() -> None:
        nonlocal changes
        while any(reading):
            number = changes * 7 % MARKETS
            registry.prove(f"0x{number}", changes)
            registry.place(f"0x{number}", changes % 25)
            registry.expire(f"0x{number}", changes)
            registry.remove(f"0x{number}")
            registry.add(market(number), changes)
            registry.place(f"0x{number}", number % 25)
            changes += 1

    def read(reader: int) -> None:
        try:
            for at in range(reader, reader + READS * 131, 131):
                entry = registry.by_token(f"{at % MARKETS}y")
                assert entry is None or entry.market.condition_id == f"0x{at % MARKETS}"
                ids = (registry.with_status(Status.PENDING), registry.on_connection(at % 25))[at % 2]
                assert len(set(ids)) == len(ids) and (at % 2 or len(ids) >= MARKETS - 1)
                assert MARKETS - 1 <= registry.counts()["total_markets"] <= MARKETS
        finally:
            reading[reader] = False

    run_together(writer=write, **{f"reader-{number}": lambda number=number: read(number) for number in range(READERS)})
    assert changes and registry.counts() == {"total_markets": MARKETS, "pending": MARKETS, "subscribed": 0, "expired": 0}
