"""`trader completion SHELL`: what makes a shell complete the commands, options and file names of the grammars. Pure.

shtab writes the script; it is told here what it cannot see: which arguments are files, and the grammar of `trader exchange`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import shtab

from trader import arguments
from trader.exchange import command_line, keys

_FILES = {"CONF": shtab.FILE, "FILE": shtab.FILE, "PATH": shtab.FILE, "DIR": shtab.DIRECTORY}      # by metavar


def script(shell: str) -> str:
    return str(shtab.complete(_grammar(), shell))


def _grammar() -> argparse.ArgumentParser:
    top = arguments.parser()
    for commands in _branches(top):
        commands.choices["exchange"] = _exchange()
    _mark_files(top)
    return top


def _exchange() -> argparse.ArgumentParser:
    """Its own grammar, and `keys`, which the exchange takes off the line before it reads the rest."""
    options = command_line.parser()
    actions = options.add_subparsers()
    actions.add_parser("keys", help="a wallet with money on an exchange that runs")
    actions.choices["keys"] = keys.parser()
    return options


def _branches(parser: argparse.ArgumentParser) -> Iterator[argparse._SubParsersAction[argparse.ArgumentParser]]:
    return (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))


def _mark_files(parser: argparse.ArgumentParser) -> None:
    for action in parser._actions:
        if isinstance(action.metavar, str) and action.metavar in _FILES:
            vars(action)["complete"] = _FILES[action.metavar]        # shtab's own attribute
    for branch in _branches(parser):
        for one in branch.choices.values():
            _mark_files(one)
