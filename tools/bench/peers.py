#!/usr/bin/env python3
"""Frame → book beside other programs, on the same frames, with the same book demanded at the end. JSON on standard output.

    python tools/bench/peers.py [--python python3.12] [--repeats 3]

They live in an environment of their own below the user's cache folder, which is made at the first run (a minute, 300 MB, and the
network): nautilus_trader needs Python 3.12 and pins what we do not. Ours runs where this file runs.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
NEEDS = ("nautilus_trader==1.231.0", "polymarket-client==0.14.0", "sortedcontainers==2.4.0",
         "py-clob-client-v2==1.2.1")
LEAST_TIMES_FASTER = 4.0


def environment(python: str) -> Path:
    """Its interpreter. `made` is written last and says what was: an installation of something else, or half of one, is begun anew."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "trader-bench" / "peers"
    made = folder / "made"
    if not made.exists() or made.read_text() != "\n".join(NEEDS):
        if not _runs(python):
            sys.exit(f"peers.py: {python} does not run. Install it, or name another with --python (with pyenv: set PYENV_VERSION).")
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([python, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(folder / "bin/python"), "-m", "pip", "install", "--quiet", *NEEDS], check=True, stdout=sys.stderr)
        made.write_text("\n".join(NEEDS))
    return folder / "bin/python"


def _runs(python: str) -> bool:
    """A shim of a version manager may be there without the Python behind it."""
    return shutil.which(python) is not None and subprocess.run([python, "-c", ""], stderr=subprocess.DEVNULL).returncode == 0


def said_by(command: list[str]) -> dict[str, Any]:
    return dict(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default="python3.12", help="for the environment (default python3.12)")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    python, book = environment(options.python), str(HERE / "book.py")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, book, "--save", folder], check=True)
        peers = said_by([str(python), str(HERE / "peer_books.py"), folder, "--repeats", str(options.repeats)])
        ours = said_by([sys.executable, book, "--repeats", str(options.repeats)])
    us = ours["cpu_us_a_frame"]["ours, batch 25"]
    json.dump({
        "bench": "peers", "python": platform.python_version(), "peers_python": peers["python"], "versions": peers["versions"],
        "cpu_us_a_frame": {"ours": us, **peers["cpu_us_a_frame"]},
        "times_faster_than": {name: round(each / us, 1) for name, each in peers["cpu_us_a_frame"].items()},
        "least_times_faster_than_nautilus": LEAST_TIMES_FASTER,
    }, sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
