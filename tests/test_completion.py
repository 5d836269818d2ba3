"""What three real shells make of a half-typed line: each loads the script that `trader completion` prints, and completes a table of lines.

zsh and fish are Debian packages that tools/test installs.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from trader.cli import _COMMANDS, main

_BASH = """
source "$1"; shift
for line in "$@"; do
    read -ra COMP_WORDS <<<"$line"
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_LINE=$line COMP_POINT=${#line} COMPREPLY=()
    _shtab_trader trader "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}" 2>/dev/null
    echo "${COMPREPLY[*]}"
done
"""
_FISH = """
source $argv[1]
for line in $argv[2..]
    string join -- ' ' (complete -C $line | string replace -r '\\t.*' '')
end
true                # string replace is not content when it found nothing to replace
"""
# A zsh that is typed to in a terminal of its own; control-T completes the line and prints it between < and >.
_ZSH = r"""
zmodload zsh/zpty
zpty inner zsh -f -i
zpty -w inner "PS1= PS2= RPS1=; fpath=($1 \$fpath); autoload -Uz compinit; compinit -u -d $1/dump"
zpty -w inner 'shown() { zle complete-word; zle -I; print -r -- "<""$BUFFER"">"; BUFFER=; }; zle -N shown; bindkey ^T shown; print RE""ADY'
zpty -r inner said '*READY*'
for line in "${@[2,-1]}"; do
    zpty -n -w inner "$line"$'\C-t'
    zpty -r inner said '*<[^">]*>*'
    print -r -- "${${${${said##*<}%%>*}% }##* }"
done
zpty -d inner
"""
_LINES = (
    ("trader sta", "status"),
    ("trader status --wa", "--watch"),
    ("trader run co", "conf.yaml"),
    ("trader run conf.yaml --rec", "--record"),
    ("trader run conf.yaml --record re", "recordings"),
    ("trader run conf.yaml --log-level DE", "DEBUG"),
    ("trader pnl --horizon 3", "30"),
    ("trader fleet s", "status"),
    ("trader journal v", "verify"),
    ("trader frames con", "conf.yaml"),
    ("trader completion zs", "zsh"),
    ("trader exchange --see", "--seed"),
    ("trader exchange --rate-limits en", "enforce"),
    ("trader exchange ke", "keys"),
    ("trader exchange keys --sig", "--signature-type"),
    ("trader exchange keys --ca-file con", "conf.yaml"),
)
Complete = Callable[[str, list[str]], list[str]]


@pytest.fixture
def complete(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Complete:
    """What each of these lines becomes, in a folder with a file and a folder to name."""
    (tmp_path / "here" / "recordings").mkdir(parents=True)
    (tmp_path / "here" / "conf.yaml").touch()

    def run(shell: str, lines: list[str]) -> list[str]:
        assert main(["completion", shell]) == 0
        script = tmp_path / "_trader"
        script.write_text(capsys.readouterr().out)
        words = {"bash": ["bash", "--norc", "-c", _BASH, "bash", script], "fish": ["fish", "--no-config", "-c", _FISH, script],
                 "zsh": ["zsh", "-f", "-c", _ZSH, "zsh", tmp_path]}[shell]
        said = subprocess.run([*map(str, words), *lines], cwd=tmp_path / "here", capture_output=True, text=True, check=True, timeout=60)
        return [line.rstrip("/") for line in said.stdout.splitlines()]

    return run


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_half_typed_line_is_completed(shell: str, complete: Complete) -> None:
    assert complete(shell, [line for line, _ in _LINES]) == [word for _, word in _LINES]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_command_is_known(shell: str, complete: Complete) -> None:
    names = sorted({*_COMMANDS, "run", "exchange"})
    assert complete(shell, [f"trader {name}" for name in names]) == names
