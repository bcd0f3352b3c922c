"""What the command says of itself, and that the Makefile calls what is there. Needs no service."""

import re
import shlex
import subprocess
import sys
import tomllib
from importlib import import_module
from itertools import product

import click
import pytest
from click.testing import CliRunner

import ml
from ml.cli.main import main
from stack.cli import mlp
from tests.conftest import REPOSITORY

FLAGS = ("--help", "-h")
MAKEFILE = (REPOSITORY / "Makefile").read_text(encoding="utf-8")


def helped(*arguments: str) -> str:
    """What asking for help prints, with an environment that knows no service."""
    result = CliRunner().invoke(mlp, [*arguments], env={"ML_DATABASE_URL": None}, prog_name="mlp")
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize(("command", "flag"), [*product(sorted(mlp.commands), FLAGS)])
def test_each_command_says_what_it_is_for(command, flag):
    shown = helped(command, flag)
    assert shown.startswith(f"Usage: mlp {command} ")
    assert mlp.commands[command].help, "its docstring"


@pytest.mark.parametrize("command", sorted(mlp.commands))
def test_each_command_shows_an_example_that_it_accepts(command, tmp_path, monkeypatch):
    (example,) = re.findall(r"Example: (.*)", helped(command, "--help"))
    program, name, *arguments = shlex.split(example)
    assert (program, name) == ("mlp", command)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sales.csv").touch()
    mlp.commands[command].make_context(command, arguments)  # reads the arguments, and calls nothing


def test_each_option_says_what_it_is(subtests):
    for name, command in mlp.commands.items():
        for option in (p for p in command.params if isinstance(p, click.Option)):
            with subtests.test(command=name, option=option.name):
                assert option.help


def test_the_help_lists_each_command_once_below_a_heading():
    shown = helped("--help")
    for command in mlp.commands:
        assert len(re.findall(rf"^  {command} ", shown, re.MULTILINE)) == 1, command
    assert [line for line in shown.splitlines() if line.endswith(":") and not line.startswith(" ")] == [
        "Options:",
        *(f"{heading}:" for heading in mlp.sections),
    ]
    assert "..." not in shown.split("\n", 1)[1], "a short help is a short sentence"


def test_the_help_tells_the_exit_codes():
    assert re.findall(r"^    ([0-9])  ", helped("--help"), re.MULTILINE) == ["0", "1", "2", "3"]


def test_without_a_stack_its_commands_are_not_there():
    assert mlp.commands.keys() - main.commands.keys() == {"up", "down", "restart", "logs", "open", "demo", "run"}
    assert main.commands["status"] is not mlp.commands["status"]


def test_the_version_is_that_of_the_project():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    assert helped("--version") == f"mlp {project['version']}\n"
    assert ml.__version__ == project["version"]


def test_the_projects_metadata_names_the_command():
    module, _, attribute = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["scripts"][
        "mlp"
    ].partition(":")
    assert getattr(import_module(module), attribute) is mlp


def test_the_shell_completes_the_names_of_commands():
    done = subprocess.run(
        [sys.executable, "-m", "stack"], cwd=REPOSITORY, capture_output=True, text=True, check=True,
        env={"_MLP_COMPLETE": "bash_complete", "COMP_WORDS": "mlp list-", "COMP_CWORD": "1"},
    )  # fmt: skip
    assert done.stdout.split() == ["plain,list-models", "plain,list-versions"]


def test_asking_for_help_imports_nothing_heavy():
    program = (
        "import sys; from stack.cli import mlp; mlp(['--help'], standalone_mode=False); "
        "print([m for m in ('pandas', 'numpy', 'mlflow', 'sklearn', 'httpx', 'rich', 'pydantic') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def called() -> list[list[str]]:
    """The words of each call of `mlp` in the Makefile's recipes; conditions give what stands in them."""
    lines = [
        line.split("$(MLP) ", 1)[1] for line in MAKEFILE.splitlines() if line.startswith("\t") and "$(MLP) " in line
    ]
    lines = [re.sub(r"\$\(if \$\(\w+\),(.*?)\)(?= |$)", r"\1", line.removesuffix(" $(ANSWERED)")) for line in lines]
    return [shlex.split(re.sub(r"\$\((\w+)\)", r"\1", line)) for line in lines]


@pytest.mark.parametrize("words", called(), ids=" ".join)
def test_a_target_of_the_makefile_calls_a_command_with_options_that_it_has(words):
    command = next(word for word in words if not word.startswith("-"))
    options = {word for word in words[words.index(command) :] if word.startswith("--")}
    assert options <= {name for parameter in mlp.commands[command].params for name in parameter.opts}


def test_each_target_is_a_wrapper_of_one_command():
    assert len(called()) > 20
    assert not re.search(r"-m (ml\.cli|stack) ", MAKEFILE.replace("MLP := $(PY) -m stack", ""))
