"""The command group: its sections, and how errors of the platform end a command."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping, Sequence

import click
from psycopg2.errors import UndefinedTable

from ml import __version__
from ml.cli import data, lineage, metrics, models, operation, performance, tables, watching
from ml.errors import PlatformError

SECTIONS: Mapping[str, Sequence[click.Command]] = {
    "Data": data.COMMANDS,
    "Models": models.COMMANDS,
    "Watching": (*watching.COMMANDS, *performance.COMMANDS),
    "Evidence": (*lineage.COMMANDS, *tables.COMMANDS),
    "Operation": (*operation.COMMANDS, *metrics.COMMANDS),
}
"""Heading in the help of each group of commands."""

_EPILOG = """\b
Exit codes:
  0  done
  1  failed or refused; the reason is one line on stderr
  2  used wrongly: no such command or option, or a value that cannot be
  3  done, and the answer is bad: something is down, a column drifted,
     the gate stays closed, the version in production became worse

With --json a command prints one JSON document on stdout; progress and log lines always go to stderr.

\b
Completion of names in the shell:
  bash  eval "$(_MLP_COMPLETE=bash_source mlp)"
  zsh   eval "$(_MLP_COMPLETE=zsh_source mlp)"
  fish  _MLP_COMPLETE=fish_source mlp | source
"""


class Commands(click.Group):
    """Lists commands in sections; shows an error of the platform as one line, without a traceback, exit code 1."""

    def __init__(self, sections: Mapping[str, Sequence[click.Command]], **settings: object) -> None:
        super().__init__(**settings)  # type: ignore[arg-type]  # those of click
        self.sections = sections
        for command in (command for section in sections.values() for command in section):
            self.add_command(command)

    def format_commands(self, _: click.Context, formatter: click.HelpFormatter) -> None:
        """A heading with its commands for each section."""
        width = max(map(len, self.commands))
        for heading, commands in self.sections.items():
            with formatter.section(heading):
                rows = [((c.name or "").ljust(width), c.get_short_help_str(200)) for c in commands]
                formatter.write_dl(rows)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; ``--verbose`` lets an error pass with its traceback."""
        try:
            return super().invoke(ctx)
        except PlatformError as error:
            if ctx.params["verbose"]:
                raise
            raise click.ClickException(str(error)) from error
        except UndefinedTable as error:
            what = str(error).splitlines()[0]
            raise click.ClickException(f"{what}; `mlp migrate` brings the database to the newest schema.") from error


class _ToStderr(logging.Handler):
    """Looks stderr up for each line, so that a progress bar that has taken it over stays below the lines."""

    def emit(self, record: logging.LogRecord) -> None:
        sys.stderr.write(f"{self.format(record)}\n")


def _begin(quiet: bool, verbose: bool) -> None:  # noqa: ARG001  verbose is read where errors are shown
    logging.basicConfig(level=logging.WARNING if quiet else logging.INFO, format="%(message)s", handlers=[_ToStderr()])
    # The last one logs what its command prints.
    for talkative in ("alembic", "httpx", "great_expectations", "mlflow", "skl2onnx", "ml.outcomes"):
        logging.getLogger(talkative).setLevel(logging.WARNING)


def build(stack: Sequence[click.Command] = (), find_stack: Callable[[], None] | None = None) -> Commands:
    """The command `mlp`, where there is an embedded stack with its commands, which go before others of their names.

    ``find_stack`` puts the stack's addresses into the environment; it is called where a command needs addresses
    and the environment has none.
    """
    theirs = {command.name for command in stack}
    sections = {name: [c for c in commands if c.name not in theirs] for name, commands in SECTIONS.items()}
    return Commands(
        {"Embedded stack": stack, **sections} if stack else sections,
        name="mlp",
        callback=_begin,
        params=[
            click.Option(["-q", "--quiet"], is_flag=True, help="Show warnings and errors only."),
            click.Option(["-v", "--verbose"], is_flag=True, help="Show where in the code an error came up."),
            _version(),
        ],
        help="The platform from the command line. Airflow's DAGs call the same functions.",
        epilog=_EPILOG,
        context_settings={"help_option_names": ["-h", "--help"], "obj": find_stack, "max_content_width": 120},
    )


def _version() -> click.Option:
    def show(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
        if asked and not ctx.resilient_parsing:
            click.echo(f"mlp {__version__}")
            ctx.exit()

    return click.Option(
        ["--version"], is_flag=True, is_eager=True, expose_value=False, callback=show, help="Show the version."
    )


main = build()
"""`mlp` where the environment says where the platform is, as in its containers."""
