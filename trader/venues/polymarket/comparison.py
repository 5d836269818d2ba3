"""Our own encoder against the venue's client library, in a process that ends. Started by `app` first of all, awaited by `desk`.

The library would cost a desk 30 MB for life and its start a second. As a process of its own it runs beside the rest of the start.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import tempfile

WITHIN_S = 30.0
_MOST_BYTES, _SHOWN = 64 * 1024, 600      # of what it says, its end


class StockComparison:
    """One process `python -m …`. Any thread may wait for it, and several may."""

    def __init__(self, *module_and_arguments: str) -> None:
        self._said = tempfile.TemporaryFile()    # noqa: SIM115 - as long as we are; a pipe would have one reader
        self._process = subprocess.Popen([sys.executable, "-m", *module_and_arguments], stdin=subprocess.DEVNULL,
                                         stdout=subprocess.DEVNULL, stderr=self._said, start_new_session=True)

    def problem(self, within_s: float = WITHIN_S) -> str:
        """Waits. Empty: there is no difference. Otherwise what differs, or why nobody can say."""
        try:
            exit_code = self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return f"the comparison with py-clob-client-v2 did not end within {within_s:g} s"
        if exit_code == 0:
            return ""
        said = os.pread(self._said.fileno(), _MOST_BYTES, 0).decode(errors="replace").strip()
        return f"the comparison with py-clob-client-v2 ended with exit code {exit_code}: {said[-_SHOWN:]}"


@functools.cache
def stock_comparison(chain_id: int) -> StockComparison:
    """Begins at the first call. Once a process: what is installed does not change under it."""
    return StockComparison("trader.venues.polymarket.stock", str(chain_id))
