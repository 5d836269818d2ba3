"""The program: `trader` and `python -m trader`. Loads the command line only once a Ctrl-C is handled."""

from __future__ import annotations

import faulthandler
import sys
from importlib import import_module
from typing import Never


def entry() -> Never:
    """The console script. Loading takes a third of a second, in which a Ctrl-C should not end in a traceback."""
    faulthandler.enable()                        # a crash of C code shows every thread's stack on stderr too
    try:
        sys.exit(import_module("trader.cli").main(sys.argv[1:]))
    except KeyboardInterrupt:
        print("trader: interrupted.", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    entry()
