"""For every test: what desks keep between runs goes to a folder of this test run, never to the user's own; a command that a test runs in
this process leaves the log's level as it was."""

import logging
import os
import signal
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def state_home(tmp_path_factory: pytest.TempPathFactory) -> None:
    os.environ["XDG_STATE_HOME"] = str(tmp_path_factory.mktemp("state"))


@pytest.fixture(autouse=True)
def log_level() -> Iterator[None]:
    level = logging.getLogger("trader").level
    yield
    logging.getLogger("trader").setLevel(level)


@pytest.fixture(scope="session", autouse=True)
def signals_as_in_a_terminal() -> None:
    """Programs that tests start inherit what is ignored here: a suite that runs in the background, or under `nohup`, begins with SIGINT
    or SIGHUP ignored, and Ctrl-C would be lost on them."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
