"""`python -m trader.exchange`: the exchange as a process of its own."""

import sys

from trader.exchange.serve import main

sys.exit(main(sys.argv[1:]))
