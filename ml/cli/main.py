"""The command group, and how errors of the platform end it."""

from __future__ import annotations

import logging

import click
from psycopg2.errors import UndefinedTable

from ml.cli import data, models, performance, tables
from ml.errors import PlatformError


class _OneLine(click.Group):
    """Shows an error of the platform as one line, without a traceback, with exit code 1."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except PlatformError as error:
            raise click.ClickException(str(error)) from error
        except UndefinedTable as error:
            what = str(error).splitlines()[0]
            raise click.ClickException(f"{what}; `mlp migrate` brings the database to the newest schema.") from error


@click.group(cls=_OneLine, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-q", "--quiet", is_flag=True, help="Show warnings and errors only.")
def main(quiet: bool) -> None:
    """The platform from the command line. Airflow's DAGs call the same functions."""
    logging.basicConfig(level=logging.WARNING if quiet else logging.INFO, format="%(message)s")
    for talkative in ("alembic", "httpx", "great_expectations", "mlflow", "skl2onnx"):
        logging.getLogger(talkative).setLevel(logging.WARNING)


for module in (data, models, performance, tables):
    for command in module.COMMANDS:
        main.add_command(command)
