"""Commands that show the evidence in Postgres."""

from __future__ import annotations

from typing import Any

import click
from psycopg2 import sql
from psycopg2.extras import RealDictCursor

from ml.cli.options import json_option, settings
from ml.cli.output import show, show_json
from ml.store import connect

_BRIEF = ("id", "model_name", "model_version", "metric_name", "metric_value", "n_train", "n_test", "timestamp")


def _last(table: str, columns: str, limit: int) -> list[dict[str, Any]]:
    statement = sql.SQL(f"SELECT {columns} FROM ml.{{}} ORDER BY timestamp DESC LIMIT %s").format(sql.Identifier(table))
    with (
        connect(settings().database_url) as connection,
        connection.cursor(cursor_factory=RealDictCursor) as cursor,
    ):
        cursor.execute(statement, (limit,))
        rows = [dict(row) for row in cursor.fetchall()]
    for row in rows:
        if "feature_stats" in row:
            from ml.monitoring.feature_stats import readable  # it costs an import of pandas

            row["feature_stats"] = readable(row["feature_stats"])
    return rows


@click.command("db-training", epilog="Example: mlp db-training --limit 3 --json")
@click.option("--limit", type=click.IntRange(1), default=5, show_default=True, help="How many.")
@click.option("--full", is_flag=True, help="All columns.")
@click.option("--pretty", is_flag=True, help="The feature statistics of the last training.")
@json_option
def training(limit: int, full: bool, pretty: bool, as_json: bool) -> None:
    """Show the last trainings."""
    if pretty:
        rows = _last("training_data", "feature_stats", 1)
        if rows or as_json:
            show_json(rows[0]["feature_stats"] if rows else {})
        else:
            click.echo("No training yet: `mlp train` makes one.")
        return
    show(_last("training_data", "*" if full else ", ".join(_BRIEF), limit), title="Trainings", as_json=as_json)


@click.command("db-inference", epilog="Example: mlp db-inference --limit 20")
@click.option("--limit", type=click.IntRange(1), default=10, show_default=True, help="How many.")
@json_option
def inference(limit: int, as_json: bool) -> None:
    """Show the last logged predictions."""
    show(_last("inference_logs", "*", limit), title="Inferences", as_json=as_json)


COMMANDS = (training, inference)
