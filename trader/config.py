"""conf.yaml, environment and --set → frozen settings, with every problem found at once.

Runs once, on the thread that starts the program. Later sources win: file, then environment, then --set. All three deliver
text, so that one conversion and one set of messages serves them. The only module that knows YAML.

    python -m trader.config            prints docs/configuration.md
    python -m trader.config example    prints conf.yaml.example
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import yaml

from trader import explain
from trader.conversion import Rejected, value_from_text
from trader.errors import ConfigError
from trader.model.setting import Secret
from trader.settings import Settings, contradictions, declarations, is_private_key, sections

__all__ = ["Settings", "load_config"]

_LAST = 10**9        # problems that are not in the file are told after those that are


class Place(NamedTuple):
    """Where a value was given: "line 31", "environment variable STRATEGY_HZ", "--set". `line` only orders the report."""

    line: int
    name: str


class Given(NamedTuple):
    text: str
    place: Place


class Problem(NamedTuple):
    path: str
    place: Place
    text: str

    def __str__(self) -> str:
        return f"{self.path} ({self.place.name}): {self.text}" if self.place.name else f"{self.path}: {self.text}"


def load_config(path: str | Path, *, env: Mapping[str, str] = os.environ, overrides: Sequence[str] = ()) -> Settings:
    """The settings of this file, or one ConfigError that lists everything that is wrong with it.

    `overrides` are "section.key=value". The key in `private_key_file` is read here (a relative name counts from the folder of
    conf.yaml), so that everybody else finds it in `private_key`.
    """
    gathering = Gathering()
    gathering.add_file(_document(Path(path)))
    gathering.add_environment(env)
    gathering.add_overrides(overrides)
    settings = gathering.settings(Path(path))
    if gathering.problems:
        raise _config_error(Path(path), gathering.problems)
    return settings


class Gathering:
    """What was given so far, by path, and everything wrong with it. A value with a problem counts as not given."""

    def __init__(self) -> None:
        self._declared = declarations()
        self._aliases = {f"{path.rpartition('.')[0]}.{one.limits.alias}": path for path, one in self._declared.items() if one.limits.alias}
        self._given: dict[str, Given] = {}
        self.problems: list[Problem] = []

    def add_file(self, document: yaml.Node | None) -> None:
        if document is None:                      # an empty file, or comments alone: all defaults
            return
        if not isinstance(document, yaml.MappingNode):
            self._complain("the file", _place(document), f"was {_kind_of(document)}, must be sections of `key: value` lines.")
            return
        for name, place, node in self._entries(document, ""):
            if name in sections():
                self._add_section(name, place, node)
            else:
                self._add_key(name, place, node)

    def add_environment(self, env: Mapping[str, str]) -> None:
        """A variable that is set but empty counts as not set, as in `FOO= trader run`."""
        for path, declared in self._declared.items():
            if declared.limits.env and env.get(declared.limits.env):
                self._given[path] = Given(env[declared.limits.env], Place(_LAST, f"environment variable {declared.limits.env}"))

    def add_overrides(self, overrides: Sequence[str]) -> None:
        place = Place(_LAST, "--set")
        for count, one in enumerate(overrides, start=1):
            path, equals, text = one.partition("=")
            path = self._aliases.get(path, path)
            if not equals:                        # not echoed: it may be a secret that was pasted
                self._complain(f"override {count}", place, "has no '='; must be section.key=value, as in strategy.base_size=50.")
            elif path not in self._declared:
                self._complain(path, place, f"unknown key{self._did_you_mean(path)}")
            else:
                self._given[path] = Given(text, place)

    def settings(self, path: Path) -> Settings:
        """The typed settings. Where something was wrong the default stands in, so that the remaining checks can be made."""
        values = {one: value for one in self._declared for value in [self._value_of(one)]}
        built = {name: kind(**_within(f"{name}.", values)) for name, kind in sections().items()}
        settings = Settings(**built, **{key: value for key, value in values.items() if "." not in key})
        settings = self._with_params_from_file(settings, path.parent)
        self._add_contradictions(settings)
        self._check_who_may_read(path)
        return self._with_key_from_file(settings, path.parent)

    # --- the file ---

    def _entries(self, mapping: yaml.MappingNode, prefix: str) -> Iterator[tuple[str, Place, yaml.Node]]:
        first: dict[str, Place] = {}
        for key, node in mapping.value:
            path, place = f"{prefix}{key.value if isinstance(key, yaml.ScalarNode) else '?'}", _place(key)
            if path in first:
                self._complain(path, place, f"was given before, on {first[path].name}. Remove one.")
            else:
                first[path] = place
                yield path, place, node

    def _add_section(self, name: str, place: Place, node: yaml.Node) -> None:
        if isinstance(node, yaml.MappingNode):
            for path, key_place, value in self._entries(node, f"{name}."):
                self._add_key(path, key_place, value)
        elif f"{name}.name" in self._declared and isinstance(node, yaml.ScalarNode) and not _is_empty(node):
            self._add_key(f"{name}.name", place, node)           # `strategy: my_module:MyStrategy`
        elif not _is_empty(node):                 # a section whose keys are all commented out is empty, not wrong
            self._complain(name, place, f"was {_kind_of(node)}, must be `key: value` lines, indented.")

    def _add_key(self, path: str, place: Place, node: yaml.Node) -> None:
        path, written = self._aliases.get(path, path), path
        if path not in self._declared:
            kind = "section" if isinstance(node, yaml.MappingNode) else "key"
            self._complain(path[:80], place, f"unknown {kind}{self._did_you_mean(path)}")
        elif path in self._given:
            self._complain(written, place, f"is another name of a key that was given on {self._given[path].place.name}. Remove one.")
        elif self._declared[path].limits.unit == "mapping" and isinstance(node, yaml.MappingNode):
            self._add_mapping(path, place, node)
        elif not isinstance(node, yaml.ScalarNode):
            self._complain(path, place, f"was {_kind_of(node)}, must be {self._one_value(path)}.")
        elif _is_empty(node):
            self._complain(path, place, "has no value. Give one, or remove the line to take the default.")
        else:
            self._given[path] = Given(node.value, place)

    def _add_mapping(self, path: str, place: Place, node: yaml.MappingNode) -> None:
        try:
            self._given[path] = Given(_json_text(node), place)
        except Rejected as reason:
            self._complain(path, place, str(reason))

    def _one_value(self, path: str) -> str:
        return "`key: value` lines, indented" if self._declared[path].limits.unit == "mapping" else "a single value"

    def _did_you_mean(self, path: str) -> str:
        """The same name in another section first, then a similar one in this section, then a very similar one anywhere."""
        section, _, name = path.rpartition(".")
        moved = [known for known in self._declared if known.rpartition(".")[2] == name]
        here = [known for known in self._declared if known.rpartition(".")[0] == section] if section else list(sections())
        close = moved or get_close_matches(path, here, 1, 0.75) or get_close_matches(path, self._declared, 1, 0.8)
        return f"; did you mean {close[0]!r}?" if close else ". docs/configuration.md lists all of them."

    # --- values ---

    def _value_of(self, path: str) -> Any:
        declared, given = self._declared[path], self._given.get(path)
        if given is None:
            if declared.default is MISSING:
                self._complain(path, Place(_LAST, ""), "is missing and has no default.")
            return declared.default
        try:
            return value_from_text(declared, given.text)
        except Rejected as reason:
            self._complain(path, given.place, str(reason))
            return declared.default

    def _add_contradictions(self, settings: Settings) -> None:
        wrong = {problem.path for problem in self.problems}
        for found in contradictions(settings):
            if wrong.isdisjoint(found.paths):     # with the default standing in, it would name a value nobody gave
                self._complain(found.paths[0], self._place_of(found.paths), found.text)

    def _place_of(self, paths: Sequence[str]) -> Place:
        """Where the first of these was given; if it was not, the default of it clashes with one that was."""
        places = [self._given[path].place for path in paths if path in self._given]
        return places[0] if paths[0] in self._given else Place(places[0].line if places else _LAST, "default")

    def _with_params_from_file(self, settings: Settings, folder: Path) -> Settings:
        name = settings.strategy.params_file
        if not name:
            return settings
        place = self._given["strategy.params_file"].place
        if settings.strategy.params:
            self._complain("strategy.params_file", place, "there is strategy.params too; it is unclear which one counts. Remove one.")
            return settings
        try:
            node = _document(folder / Path(name).expanduser())
        except (ConfigError, RuntimeError) as reason:            # RuntimeError: no home folder for ~
            self._complain("strategy.params_file", place, reason.problem if isinstance(reason, ConfigError) else str(reason))
            return settings
        if not isinstance(node, yaml.MappingNode):
            self._complain("strategy.params_file", place, f"{name} must hold `key: value` lines or a JSON object.")
            return settings
        try:
            return replace(settings, strategy=replace(settings.strategy, params=_json_text(node)))
        except Rejected as reason:
            self._complain("strategy.params_file", place, f"{name} {reason}")
            return settings

    # --- files with secrets ---

    def _check_who_may_read(self, path: Path) -> None:
        for one, given in self._given.items():
            if self._declared[one].limits.secret and given.place.line < _LAST and given.text and _others_may_read(path):
                self._complain(one, given.place, f"a secret in a file that others may read. Run `chmod 600 {path}`.")

    def _with_key_from_file(self, settings: Settings, folder: Path) -> Settings:
        name = settings.polymarket.private_key_file
        if not name or settings.polymarket.private_key:
            return settings
        try:
            key = _key_in(folder / Path(name).expanduser())
        except (Rejected, OSError, RuntimeError) as reason:      # RuntimeError: no home folder for ~
            self._complain("polymarket.private_key_file", self._given["polymarket.private_key_file"].place, _sentence(reason))
            return settings
        return replace(settings, polymarket=replace(settings.polymarket, private_key=Secret(key)))

    def _complain(self, path: str, place: Place, text: str) -> None:
        self.problems.append(Problem(path, place, text))


def _document(path: Path) -> yaml.Node | None:
    """The nodes of the file, each with its line. Composed only: nothing in the file can construct an object."""
    try:
        loader = yaml.SafeLoader(path.read_bytes())
        return loader.get_single_node()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.",
                          remedy="Name an existing file, or start from the example: cp conf.yaml.example conf.yaml.") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError(f"{path} is not YAML: {_yaml_problem(error)}.",
                          remedy="Indent with spaces and write `key: value`, as conf.yaml.example does.") from error


def _yaml_problem(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    what = getattr(error, "problem", None) or getattr(error, "reason", None) or "too deeply nested"
    return f"line {mark.line + 1}, column {mark.column + 1}: {what}" if mark else str(what)


def _config_error(path: Path, problems: list[Problem]) -> ConfigError:
    lines = "".join(f"  {problem}\n" for problem in sorted(problems, key=lambda one: one.place.line))
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    return ConfigError(f"{path} has {count}:\n{lines}", remedy=f"Correct this and run `trader check {path}`.")


def _key_in(path: Path) -> str:
    if _others_may_read(path):
        raise Rejected(f"{path} may be read by others. Run `chmod 600 {path}`.")
    key = path.read_text(encoding="ascii", errors="replace").strip()
    if not is_private_key(key):
        raise Rejected(f"{path} must hold 0x and 64 hex digits and nothing else (what it holds is not shown: it is a secret).")
    return key


def _others_may_read(path: Path) -> bool:
    return bool(path.stat().st_mode & 0o077)


def _sentence(reason: Exception) -> str:
    if isinstance(reason, OSError):
        return f"{reason.filename} cannot be read: {reason.strerror}. Name a file that holds the key alone."
    return str(reason)


def _json_text(node: yaml.MappingNode) -> str:
    """The plain values of this node as one text, which is what every source of a setting delivers."""
    try:
        return orjson.dumps(yaml.SafeLoader("").construct_document(node), option=orjson.OPT_NON_STR_KEYS).decode()
    except (TypeError, ValueError, RecursionError, yaml.YAMLError) as why:         # a set, 20 digits, a reference to itself, !!python
        problem = _yaml_problem(why) if isinstance(why, yaml.YAMLError) else why
        raise Rejected(f"holds something that is no plain text, number, list or mapping ({problem}).") from None


def _within(prefix: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {path.removeprefix(prefix): value for path, value in values.items() if path.startswith(prefix)}


def _place(node: yaml.Node) -> Place:
    line: int = node.start_mark.line + 1
    return Place(line, f"line {line}")


def _is_empty(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def _kind_of(node: yaml.Node) -> str:
    if isinstance(node, yaml.ScalarNode):
        return "a single value"
    return "a section" if isinstance(node, yaml.MappingNode) else "a list"


if __name__ == "__main__":
    print(explain.example() if sys.argv[1:] == ["example"] else explain.reference(), end="")
