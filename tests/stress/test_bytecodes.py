from __future__ import annotations

from trader.handoff.doorbell import Doorbell
from trader.testing import bytecodes


def test_each_thread_is_called_before_each_bytecode_of_a_hand_off_and_of_nothing_else(run_together):
    """In two threads at once, which is where a trace function fails."""
    seen = {"one": 0, "other": 0}

    def ring(name):
        def count():
            seen[name] += 1

        with bytecodes.before_each(count):
            sum(range(100))
            assert seen[name] == 0
            for _ in range(50):
                Doorbell().ring()

    run_together(one=lambda: ring("one"), other=lambda: ring("other"))
    assert seen["one"] == seen["other"] > 50 * 5
