"""Real threads, preempted at random bytecodes, and a deadline instead of a sleep: what is stuck is named.

A switch interval of a microsecond alone proves little: the kernel wakes the waiting thread some 50 µs later, and by then a hand-off
of ten bytecodes is long over (a mailbox with the two lines of `take` swapped passed 2,000,000 intents that way). So each thread also
lets the others go first before every fiftieth bytecode of a hand-off, on average; then the same fault shows in 1 of 150 intents.
"""

from __future__ import annotations

import random
import sys
import threading
import time

import pytest

from trader.testing import bytecodes

SWITCH_INTERVAL_S = 1e-6     # the default is 5 ms
PREEMPTION = 0.02            # at a bytecode
NAPS_S = (0, 0, 0, 1e-5)     # 0 lets a thread that is ready go first; the nap also lets one that has yet to wake up
DEADLINE_S = 20              # far beyond the few seconds that a healthy run needs on a busy machine


@pytest.fixture(autouse=True)
def tiny_switch_interval():
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


@pytest.fixture(autouse=True)
def watched_bytecodes():
    with bytecodes.watched():
        yield


@pytest.fixture
def run_together():
    """Runs the calls side by side. Fails with what the first of them raised, or with the names of those that are stuck."""

    def run(**calls):
        raised = []
        threads = [threading.Thread(target=_guarded, args=(call, raised), name=name, daemon=True) for name, call in calls.items()]
        for thread in threads:
            thread.start()
        end_s = time.monotonic() + DEADLINE_S
        for thread in threads:
            while thread.is_alive() and not raised and time.monotonic() < end_s:
                thread.join(0.05)
        if raised:
            raise raised[0]
        stuck = [thread.name for thread in threads if thread.is_alive()]
        assert not stuck, f"still running after {DEADLINE_S} s: {stuck}"

    return run


def _guarded(call, raised):
    rng = random.Random(threading.current_thread().name)

    def let_others_go_first():
        if rng.random() < PREEMPTION:
            time.sleep(rng.choice(NAPS_S))

    with bytecodes.before_each(let_others_go_first):
        try:
            call()
        except BaseException as error:
            raised.append(error)
