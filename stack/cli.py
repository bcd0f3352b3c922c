"""`mlp` of a clone: the platform's commands, those of the embedded stack, and its addresses where none are given."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path

import click

from ml.cli.main import build
from ml.cli.options import json_option
from ml.cli.output import conclude, show, tell


@click.command(epilog="Example: mlp up")
@json_option
def up(as_json: bool) -> None:
    """Start what does not run and wait until all is well."""
    from stack import status as table
    from stack import supervisor
    from stack.config import StackConfig

    config = StackConfig.read()
    supervisor.up(config)
    tell(table.pages(config), table.addresses(config), as_json=as_json)


@click.command(epilog="Example: mlp down")
def down() -> None:
    """End everything that this stack started; nothing is lost."""
    from stack import supervisor
    from stack.config import StackConfig

    supervisor.down(StackConfig.read())


@click.command(epilog="Example: mlp restart")
def restart() -> None:
    """Down, then up."""
    from stack import supervisor
    from stack.config import StackConfig

    config = StackConfig.read()
    supervisor.down(config)
    supervisor.up(config)


@click.command(epilog="Example: mlp status --json")
@json_option
def status(as_json: bool) -> None:
    """Show what runs and where; exit code 3 where something does not."""
    from stack import status as table
    from stack.config import StackConfig

    rows = table.rows(StackConfig.read())
    show([asdict(row) for row in rows], title="Services", as_json=as_json)
    conclude(is_well=all(row.state == "up" for row in rows))


@click.command(epilog="Example: mlp logs mlflow --lines 50")
@click.argument("name", required=False)
@click.option("-f", "--follow", is_flag=True, help="Go on as the log grows.")
@click.option("-n", "--lines", default=20, show_default=True, help="How many lines from the end of each log.")
def logs(name: str | None, follow: bool, lines: int) -> None:
    """Show the logs of all services, or of one."""
    from stack import logs as log_files
    from stack.config import StackConfig

    log_files.show(StackConfig.read(), name, lines=lines, follow=follow)


@click.command("open", epilog="Example: mlp open airflow")
@click.argument("page", type=click.Choice(["airflow", "mlflow", "api"]))
def open_page(page: str) -> None:
    """Open a page in a browser, and print its address."""
    from stack import status as table
    from stack.config import StackConfig

    address = table.pages(StackConfig.read())[page]
    click.echo(address)
    click.launch(address)


@click.command(epilog="Example: mlp demo --use-case sales --data sales.csv")
@click.option("--data", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="The file to ingest.")
@click.option("--use-case", required=True, help="Name of its folder.")
@json_option
def demo(data: Path | None, use_case: str, as_json: bool) -> None:
    """Start the stack and run the main job: data, training, promotion, serving, scoring, drift, retraining."""
    from stack import status as table
    from stack import supervisor
    from stack.config import StackConfig
    from stack.demo import Demo
    from stack.progress import Progress

    config, progress = StackConfig.read(), Progress()
    with progress.step("up"):
        supervisor.up(config)
    summary = Demo(config, use_case, progress).run(data)
    summary.write(config.state / "summary.json")
    written = f"  {'Summary':<22} {config.state / 'summary.json'}"
    tell(asdict(summary), f"\n{summary.render()}\n\n{table.addresses(config)}\n{written}", as_json=as_json)


@click.command(context_settings={"ignore_unknown_options": True}, epilog="Example: mlp run -- python analysis.py")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def run(command: tuple[str, ...]) -> None:
    """Run a program with the stack's addresses in its environment."""
    find_stack()
    os.execvp(command[0], command)  # noqa: S606  the user's own program


def find_stack() -> None:
    """Make this process's environment that of a part of the stack, which knows the addresses of the others.

    Raises :class:`stack.errors.StackError` where the stack does not run.
    """
    from stack import supervisor
    from stack.config import StackConfig
    from stack.environment import inherited, platform

    config = StackConfig.read()
    supervisor.require(config)
    environment = inherited() | platform(config)
    os.environ.clear()
    os.environ.update(environment)


mlp = build((up, down, restart, status, logs, open_page, demo, run), find_stack)
