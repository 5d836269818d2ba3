"""Real rollovers on the wire: windows of half a minute, one after another, and never an order in a market that has closed.

    .venv/bin/python -m tools.soak.rollovers [--rollovers 10] [--speed 100]
"""

from __future__ import annotations

import sys

from tools.soak.harness import at_least, equal, options, soaking


def main() -> int:
    wanted = options(__doc__, rollovers=10, speed=100.0)
    with soaking("rollovers", speed=wanted.speed, seed=11) as soak:
        for _ in soak.steps((wanted.rollovers + 2) * soak.exchange.window_ms / 1000):
            if len(soak.windows) > wanted.rollovers:
                break
        summary, _ = soak.end()
        soak.checks += [
            at_least("windows taken up", summary.get("windows", 0), wanted.rollovers + 1),
            equal("cancel-alls at a rollover", summary.get("cancel_alls", {}).get("roll", 0), len(soak.windows) - 1),
        ]
        return soak.report()


if __name__ == "__main__":
    sys.exit(main())
