"""Real threads at the journal's hand-off: gateway threads wait, the executor puts, the journal writes, fails and writes again."""

from __future__ import annotations

import random
import time
from typing import NamedTuple

from trader.handoff.journal import JournalQueue

CYCLES = 4000


class Place(NamedTuple):
    placed_seq: int


def test_every_gateway_thread_that_waits_is_woken_and_never_before_its_cycle_is_written(run_together):
    queue, on_disk = JournalQueue(), set()

    def executor():
        for seq in range(1, CYCLES + 1):
            queue.put(Place(seq))

    def journal():
        chance = random.Random(1)
        while len(on_disk) < CYCLES:
            group = queue.take(0.05)
            while group and chance.random() < 0.1:
                queue.fail("the disk is full")
                time.sleep(0)
            on_disk.update(place.placed_seq for place in group)
            queue.written(max((place.placed_seq for place in group), default=0))

    def gateway(first):
        for seq in range(first, CYCLES + 1, 3):
            while not queue.wait_written(seq, 60):       # refused while the disk is full: asked again, as the next plan would
                time.sleep(0)
            assert seq in on_disk, f"place {seq} was let through before it was written"

    run_together(executor=executor, journal=journal, **{f"gateway-{first}": (lambda first=first: gateway(first)) for first in (1, 2, 3)})
    assert on_disk == set(range(1, CYCLES + 1)) and queue.depth == 0
