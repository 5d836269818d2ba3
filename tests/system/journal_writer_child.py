"""A desk's journal in a process of its own, to be killed: writes places as fast as it can and prints the number of each one that may
be sent. Arguments: the folder, and optionally the most bytes that a file may grow to, as a disk that is full. Started by
test_journal_survives.py.
"""

import resource
import sys
import threading
from pathlib import Path

from trader.handoff.journal import JournalQueue
from trader.journal.folder import JournalFolder
from trader.journal.role import JournalRole
from trader.journal.store import Journal, Run
from trader.model.action import PlaceOrders
from trader.model.cycle import Cycle, Now, View
from trader.model.event import MarketChange
from trader.model.intent import Mode
from trader.model.market import Market
from trader.model.order import OrderSpec, Side
from trader.model.recall import NOTHING_RECALLED
from trader.runtime.clock import SystemClock
from trader.runtime.role import RoleThread

CLOCK = SystemClock()
MARKET = Market("window", "0xc", "1", "2", 100, 5_000_000, 0, 2**60, "v1", False)
VIEW = View(None, None, None, None, None, (), False, None, "")


def cycle(seq, letters=()):
    spec = OrderSpec("0xc", "1", Side.BUY, 4800, 5_000_000, seq, 0, "v1", False)
    place = PlaceOrders(seq, 0, ((f"order-{seq}", spec),))
    now = Now(CLOCK.monotonic_ns(), CLOCK.wall_ms())
    return Cycle(now, letters, VIEW, (place,), (), (), Mode.NORMAL, "active", (), ())


def send(queue, seq):
    """What a gateway thread does before it sends."""
    if queue.wait_written(seq, 5):
        print(seq, flush=True)
    else:
        print(f"not sent: {queue.trouble}", flush=True)
        sys.exit(0)


def main(folder, most_bytes=None):
    queue = JournalQueue()
    run = Run(f"run-{CLOCK.monotonic_ns()}", "live", "0.1.0", "", "", "{}", NOTHING_RECALLED)
    claimed = JournalFolder(Path(folder))
    role = JournalRole(lambda: Journal(claimed, run, fresh=False, max_bytes=2**40, keep=10), queue, CLOCK)
    RoleThread(role, lambda name, error: print(f"{name} crashed: {error}", flush=True)).start()
    seq = 1
    queue.put(cycle(seq, (MarketChange(MARKET),)))
    send(queue, seq)
    if most_bytes:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(most_bytes), resource.RLIM_INFINITY))
    while True:
        ahead = range(seq + 1, seq + 4)                  # the executor is ahead of the gateway, as ever
        for seq in ahead:
            queue.put(cycle(seq))
        for one in ahead:
            send(queue, one)


if __name__ == "__main__":
    threading.current_thread().name = "gateway-1"
    main(*sys.argv[1:])
