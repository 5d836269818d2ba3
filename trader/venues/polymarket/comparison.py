"""Our own encoder against the venue's client library, in a process that ends. Started by `app` first of all, awaited by `desk`.

The library would cost a desk 30 MB for life and its start a second. As a process of its own it runs beside the rest of the start.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import tempfile

NO_DIFFERENCE = "no difference"           # its last line, and the only proof
WITHIN_S = 20.0                           # with what follows less than a stop may take: Ctrl-C waits for a start
_MOST_BYTES, _SHOWN = 64 * 1024, 600      # of what it says, its end
_NAME = "the comparison with py-clob-client-v2"


class StockComparison:
    """One process `python -m …`. Any thread may wait for it, and several may.

    That it ends with 0 proves nothing: Python says so of every end that somebody else was told of, as where SIGCHLD is ignored (a
    daemon's children inherit that), and of an interpreter inside another program `sys.executable` may be that program.
    """

    def __init__(self, *module_and_arguments: str, python: str | None = sys.executable) -> None:
        """`python`: empty or None where nobody knows."""
        self._process: subprocess.Popen[bytes] | None = None
        self._hindrance = ""
        try:
            self._said = tempfile.TemporaryFile()    # noqa: SIM115 - as long as we are; a pipe would have one reader
            self._process = subprocess.Popen([python or "", "-m", *module_and_arguments], stdin=subprocess.DEVNULL,
                                             stdout=self._said, stderr=self._said, start_new_session=True)
        except OSError as why:                       # no Python, no room for a process or a file
            self._hindrance = f"{_NAME} could not begin: {why}"

    def problem(self, within_s: float = WITHIN_S) -> str:
        """Waits. Empty: there is no difference. Otherwise what differs, or why nobody can say."""
        if self._process is None:
            return self._hindrance
        try:
            exit_code = self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return f"{_NAME} did not end within {within_s:g} s"
        said = os.pread(self._said.fileno(), _MOST_BYTES, 0).decode(errors="replace").strip()
        if exit_code == 0 and said.splitlines()[-1:] == [NO_DIFFERENCE]:
            return ""
        return f"{_NAME} ended with exit code {exit_code}: {said[-_SHOWN:] or 'it said nothing'}"


@functools.cache
def stock_comparison(chain_id: int) -> StockComparison:
    """Begins at the first call. Once a process: what is installed does not change under it."""
    return StockComparison("trader.venues.polymarket.stock", str(chain_id))
