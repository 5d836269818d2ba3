"""The executor against a model venue, ten thousand times: the stateful machine of the suite, which there makes 150 runs.

    .venv/bin/python -m tools.soak.machine [--runs 10000] [--seed 1] [--processes 2]

Each round of 500 runs is a process of its own with a seed of its own, counted up from `--seed`: what a round finds, `repeat` in the report
finds again. Progress goes to stderr, the report to stdout as JSON; exit code 1 if a round failed. The runs are counted by hypothesis.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import NamedTuple

from tools.soak.harness import options

ROOT = Path(__file__).parents[2]
MACHINE = "tests/executor/test_executor_against_model_venue.py"
RUNS_A_ROUND = 500
_COUNTED = re.compile(r"(\d+) passing, (\d+) failing")


class Round(NamedTuple):
    seed: int
    runs: int
    passed: bool
    output: str


def play(seed: int, runs: int) -> Round:
    """One round. Hypothesis' own store of earlier failures is kept out, so that a seed means the same everywhere."""
    with tempfile.TemporaryDirectory() as store:
        environment = {**os.environ, "EXECUTOR_RUNS": str(runs), "HYPOTHESIS_STORAGE_DIRECTORY": store}
        ended = subprocess.run(_command(seed), cwd=ROOT, env=environment, capture_output=True, text=True)
    counted = _COUNTED.search(ended.stdout)
    return Round(seed, int(counted[1]) + int(counted[2]) if counted else 0, ended.returncode == 0, ended.stdout + ended.stderr)


def _command(seed: int) -> list[str]:
    return [sys.executable, "-m", "pytest", "-n0", "-p", "no:cacheprovider", "--hypothesis-show-statistics", f"--hypothesis-seed={seed}",
            MACHINE]


def main() -> int:
    wanted = options(__doc__, runs=10_000, seed=1, processes=2)
    sizes = [min(RUNS_A_ROUND, wanted.runs - begun) for begun in range(0, wanted.runs, RUNS_A_ROUND)]
    rounds: list[Round] = []
    began_s = time.monotonic()
    with ThreadPoolExecutor(wanted.processes) as pool:
        for done in as_completed(pool.submit(play, wanted.seed + number, size) for number, size in enumerate(sizes)):
            rounds.append(done.result())
            print(f"machine {time.monotonic() - began_s:6.1f} s: seed {rounds[-1].seed}, {rounds[-1].runs} runs, "
                  f"{'passed' if rounds[-1].passed else 'FAILED'}", file=sys.stderr, flush=True)
    failed = sorted(one for one in rounds if not one.passed)
    runs = sum(one.runs for one in rounds)
    passed = not failed and runs >= wanted.runs
    json.dump({"soak": "machine", "passed": passed, "seconds": round(time.monotonic() - began_s, 1), "runs": runs,
               "seeds": [wanted.seed, wanted.seed + len(sizes) - 1],
               "failed": [{"seed": one.seed, "repeat": f"EXECUTOR_RUNS={RUNS_A_ROUND} {' '.join(_command(one.seed)[1:])}",
                           "output": one.output} for one in failed]}, sys.stdout, indent=2)
    print()
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
