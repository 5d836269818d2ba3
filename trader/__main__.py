"""`python -m trader`: the command line, for where the console script is not on the path."""

from trader.cli import entry

entry()
