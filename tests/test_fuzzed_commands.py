"""Garbage on every command's arguments: one sentence and an exit code, never a traceback, never a secret, nothing left behind."""

from __future__ import annotations

import argparse
import contextlib
import io
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trader.arguments import parser
from trader.cli import main
from trader.config import Settings
from trader.errors import TraderError
from trader.model.setting import Secret

SECRET = "0x" + "5ec2e7" * 10 + "abcd"
VALUES = ("", "0", "-1", "1e9", "nan", "9" * 400, "é☃", "\udcff", "--", "-", "=", "a=b", "mode=live", "mode=paper", "ops.log_level=LOUD",
          "{", "*", "conf.yaml", "absent", "/dev/null", "/proc/self/mem", "../..",
          SECRET, f"polymarket.private_key={SECRET}", f"mode={SECRET}x")


class Quiet:
    """A trader that ends at once, so that `run` may come up too."""

    def nothing(self, *arguments: object) -> None: ...

    start = stop = request_stop = reread = nothing

    def wait(self, timeout_s: float | None = None) -> bool:
        return True

    def healthy(self) -> bool:
        return True

    is_flat = healthy

    def secrets(self) -> tuple[Secret, ...]:
        return ()

    def stats(self) -> dict[str, Any]:
        return {"seconds": 0.0, "mode": "embedded", "roles": []}

    def summary(self) -> dict[str, Any]:
        return {"exit_reason": "fuzz", "seconds": 0.0, "mode": "embedded"}

    def threads_text(self) -> str:
        return ""


def build(given: Settings, record: Path | None, reread: Callable[[], Settings]) -> Any:
    return Quiet()


def options_of(command: argparse.ArgumentParser) -> list[str]:
    return [name for action in command._actions for name in action.option_strings]


def commands() -> dict[str, argparse.ArgumentParser]:
    chosen = next(action for action in parser()._actions if isinstance(action, argparse._SubParsersAction))
    return {name: command for name, command in chosen.choices.items() if name != "exchange"}      # its options are its own


COMMANDS = commands()
# What a system can pass: no zero byte, and bytes that are no UTF-8 as surrogates.
LETTERS = st.characters(exclude_characters="\0", exclude_categories=["Cs"]) | st.just("\udc80")
WORDS = st.sampled_from(VALUES) | st.text(LETTERS, max_size=12)


@st.composite
def lines(draw: st.DrawFn) -> list[str]:
    name = draw(st.sampled_from(sorted(COMMANDS)))
    option = st.sampled_from([*options_of(COMMANDS[name]), "verify", "bash"])
    return [name, *draw(st.lists(option | WORDS, max_size=6))]


@pytest.fixture(scope="module", autouse=True)
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A folder of its own, in which no trader runs and in which files may appear."""
    folder, before = tmp_path_factory.mktemp("fuzz"), Path.cwd()
    (folder / "conf.yaml").write_text("mode: embedded\n")
    kept = {name: os.environ.get(name) for name in ("XDG_RUNTIME_DIR", "PM_PRIVATE_KEY")}
    os.environ |= {"XDG_RUNTIME_DIR": str(folder), "PM_PRIVATE_KEY": SECRET}
    level = logging.getLogger("trader").level
    os.chdir(folder)
    yield
    os.chdir(before)
    logging.getLogger("trader").setLevel(level)
    for name, value in kept.items():
        os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)


def said_by(line: list[str]) -> tuple[int, str]:
    """What it wrote, through streams that refuse and accept what a terminal's do."""
    written = io.BytesIO()
    out, err = io.TextIOWrapper(written, "utf-8", "strict"), io.TextIOWrapper(written, "utf-8", "backslashreplace")
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(line, build)
        except SystemExit as left:               # argparse, after --help
            code = int(left.code or 0)
        out.flush()
        err.flush()
        return code, written.getvalue().decode()


KNOWN_CODES = {0} | {kind.exit_code for kind in TraderError.__subclasses__()} - {1}      # 1 is a fault of the program


@given(lines())
@example(["check", "conf.yaml", "--offline", "--json"])
@example(["check", "conf.yaml", "--set", f"mode={SECRET}"])
@example(["run", "conf.yaml", "--for", "1", "--set", "ops.log_format=json"])
@example(["run", "conf.yaml", "--set", f"polymarket.private_key={SECRET}x"])
@settings(max_examples=250, deadline=None)
def test_every_command_line_ends_with_a_sentence_and_a_known_exit_code(line: list[str]) -> None:
    if line[0] == "check" and "mode=live" in line:       # that asks the venue
        line = [*line, "--offline"]
    code, said = said_by(line)
    assert code in KNOWN_CODES and "Traceback" not in said and "please report" not in said, said
    assert said or code == 0
    assert not (SECRET[2:] in said and SECRET not in " ".join(line)), "the key came from the environment into the output"


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_explains_itself(name: str) -> None:
    code, said = said_by([name, "--help"])
    assert code == 0 and said.startswith(f"usage: trader {name}") and "-h, --help" in said


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - {"run", "completion", "journal", "fleet"}))
def test_every_command_that_tells_something_tells_it_to_programs_too(name: str) -> None:
    assert "--json" in options_of(COMMANDS[name])
