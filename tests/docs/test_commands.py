"""Each command that the documentation shows exists, with the options it is shown with."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
import pytest

from stack.cli import mlp
from tests.conftest import REPOSITORY
from tests.docs.commands import Command, commands, pages

SHOWN = [command for page in pages() for command in commands(page)]
MAKE = [command for command in SHOWN if command.program == "make"]
MLP = [command for command in SHOWN if command.program == "mlp" and command.words]


def makefile() -> str:
    return (REPOSITORY / "Makefile").read_text()


def test_commands_are_found():
    assert len(MAKE) > 30
    assert len(MLP) > 10


def test_every_make_target_and_variable_exists():
    targets = set(re.findall(r"^([a-z0-9-]+):", makefile(), re.MULTILINE))
    variables = set(re.findall(r"\$\(([A-Z_]+)\)|\bif \$\(([A-Z_]+)", makefile()))
    known = {name for pair in variables for name in pair} | set(re.findall(r"^([A-Z_]+) \?=", makefile(), re.MULTILINE))
    known |= {"PYTHON"}  # stack/install.sh reads it

    assert [str(c) for c in MAKE if set(_targets(c)) - targets] == []
    assert [str(c) for c in MAKE if set(_variables(c)) - known] == []


@pytest.mark.parametrize("shown", sorted(set(map(str, MLP))))
def test_every_mlp_command_has_the_options_it_is_shown_with(shown):
    shown = next(command for command in MLP if str(command) == shown)
    command, rest = _resolve(shown)
    options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)} | {
        "--help",
        "-h",
    }
    given = {word.split("=")[0] for word in rest if word.startswith("-")}

    assert given - options == set(), f"{shown}: there are {sorted(options)}"


def _targets(command: Command) -> Iterator[str]:
    for word in command.words:
        if re.fullmatch(r"[a-z][a-z0-9-]*", word):
            yield word


def _variables(command: Command) -> Iterator[str]:
    for word in command.words:
        if match := re.match(r"([A-Z_]+)=", word):
            yield match[1]


def _resolve(shown: Command) -> tuple[click.Command, list[str]]:
    """The command itself, and the words that are for it."""
    command: click.Command = mlp
    words = [word for word in shown.words if word != "…"]
    while isinstance(command, click.Group):
        of_the_group = {name for parameter in command.params for name in parameter.opts}
        while words and words[0] in of_the_group:
            words = words[1:]
        assert words, f"{shown}: names no command"
        found = command.get_command(click.Context(command), words[0])
        if found is None and words[0] in ("--help", "-h", "--version"):
            return command, []
        assert found is not None, f"{shown}: there is no such command"
        command, words = found, words[1:]
    return command, words
