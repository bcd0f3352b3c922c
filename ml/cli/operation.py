"""Commands for whoever runs the platform: what answers, the schema, the log's size, the registry's two sides."""

from __future__ import annotations

import datetime as dt

import click

from ml.cli.options import json_option, settings
from ml.cli.output import conclude, show, tell


@click.command(epilog="Example: mlp status --json")
@json_option
def status(as_json: bool) -> None:
    """Show whether the database and MLflow answer; exit code 3 where one does not."""
    from ml.cli.services import services

    rows = services(settings())
    show(rows, title="Services", as_json=as_json)
    conclude(is_well=all(row["state"] == "up" for row in rows))


@click.command(epilog="Example: mlp migrate")
@json_option
def migrate(as_json: bool) -> None:
    """Bring the database to the newest schema."""
    from ml.store import migrate as apply

    applied = apply(settings().database_url)
    tell({"applied": applied}, f"Applied: {', '.join(applied) or 'nothing, all was there'}.", as_json=as_json)


@click.command(epilog="Example: mlp retention")
@json_option
def retention(as_json: bool) -> None:
    """Make the log's coming partitions, remove the old ones and old records of tasks and traffic.

    Old partitions are those that ended ML_LOG_RETENTION_DAYS ago or earlier; unset, none. Records are kept for 400
    days.
    """
    from ml.partitions import drop_old, ensure_partitions
    from ml.retention import forget_old

    now = dt.datetime.now(dt.UTC)
    made, removed = ensure_partitions(settings(), now), drop_old(settings(), now)
    forgotten = forget_old(settings(), now)
    tell(
        {"made": made, "removed": removed, "rows": forgotten},
        f"Made: {', '.join(made) or 'nothing'}.",
        f"Old rows removed: {', '.join(f'{rows} of {table}' for table, rows in forgotten.items())}.",
        f"Removed: {', '.join(removed) or 'nothing'}.",
        as_json=as_json,
    )


@click.command("registry-sync", epilog="Example: mlp registry-sync --every 5")
@click.option("--every", type=click.FloatRange(0.1), default=2.0, show_default=True, help="Seconds between looks.")
def registry_sync(every: float) -> None:
    """Keep alias and stage in step with what people do in the MLflow UI.

    Runs until it is ended by SIGTERM.
    """
    from ml.promotion.registry_sync import run

    run(settings(), every)


COMMANDS = (status, migrate, retention, registry_sync)
