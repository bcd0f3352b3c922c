"""`python -m stack`: what the Makefile's targets for the stack call."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from ml.errors import PlatformError
from stack import logs as log_files
from stack import status as table
from stack import supervisor
from stack.config import StackConfig
from stack.environment import inherited, platform
from stack.errors import StackError
from stack.progress import Progress


class _OneLine(click.Group):
    """Shows what stopped the stack as one line, without a traceback."""

    def invoke(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except (StackError, PlatformError) as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=_OneLine)
def main() -> None:
    """The embedded stack: Postgres, MLflow, Airflow and serving as processes of this machine."""


@main.command()
def up() -> None:
    """Start what does not run and wait until all is well."""
    config = StackConfig.read()
    supervisor.up(config)
    click.echo(table.addresses(config))


@main.command()
def down() -> None:
    """End everything that this stack started."""
    supervisor.down(StackConfig.read())


@main.command()
def restart() -> None:
    """Down, then up."""
    config = StackConfig.read()
    supervisor.down(config)
    supervisor.up(config)


@main.command()
def status() -> None:
    """Show what runs; exit code 1 where something does not."""
    rows = table.rows(StackConfig.read())
    click.echo(table.render(rows))
    sys.exit(any(row.state != "up" for row in rows))


@main.command()
@click.argument("name", required=False)
@click.option("-f", "--follow", is_flag=True, help="Go on as the log grows.")
@click.option("-n", "--lines", default=20, show_default=True, help="How many lines from the end of each log.")
def logs(name: str | None, follow: bool, lines: int) -> None:
    """Show the logs of all services, or of one."""
    log_files.show(StackConfig.read(), name, lines=lines, follow=follow)


@main.command(name="open")
@click.argument("page", type=click.Choice(["airflow", "mlflow", "api"]))
def open_page(page: str) -> None:
    """Open a page of the running stack in a browser, and print its address."""
    address = table.pages(StackConfig.read())[page]
    click.echo(address)
    click.launch(address)


@main.command()
@click.option("--data", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="The file to ingest.")
@click.option("--use-case", required=True, help="Name of its folder.")
def demo(data: Path | None, use_case: str) -> None:
    """Run the main job: data, training, promotion, serving, scoring, drift, retraining. Leaves the stack up."""
    from stack.demo import Demo

    config, progress = StackConfig.read(), Progress()
    with progress.step("up"):
        supervisor.up(config)
    summary = Demo(config, use_case, progress).run(data)
    summary.write(config.state / "summary.json")
    click.echo(f"\n{summary.render()}\n\n{table.addresses(config)}\n  Summary  {config.state / 'summary.json'}")


@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def run(command: tuple[str, ...]) -> None:
    """Run a command with the addresses of this stack in its environment."""
    config = StackConfig.read()
    supervisor.require(config)
    os.execvpe(command[0], command, inherited() | platform(config))  # noqa: S606  the user's own command
