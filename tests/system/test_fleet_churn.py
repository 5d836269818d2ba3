"""Two thirds of a minute of markets that are born and decided all the time: the short run of `tools/soak/fleet.py`, in the suite."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SECONDS = 40


def test_churn_leaves_registry_memory_and_descriptors_level_and_every_book_right():
    command = [sys.executable, "-m", "tools.soak.fleet", f"--for={SECONDS}", "--markets=150", "--life=30", "--moves=100"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=3 * SECONDS)
    assert ended.stdout, ended.stderr
    report = json.loads(ended.stdout)
    assert report["passed"], [check for check in report["checks"] if not check["passed"]]
    assert ended.returncode == 0 and report["mismatches"] == 0
