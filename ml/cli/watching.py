"""Commands that look at what the version in production is asked."""

from __future__ import annotations

from dataclasses import asdict

import click

from ml.cli.options import json_option, settings, use_case, use_case_option
from ml.cli.output import conclude, tell


@click.command(epilog="Example: mlp drift --use-case sales --last 1000")
@use_case_option
@click.option("--last", type=click.IntRange(1), default=500, show_default=True, help="How many inferences to look at.")
@json_option
def drift(name: str | None, last: int, as_json: bool) -> None:
    """Compare the last inferences with the training data of the version in production.

    Writes nothing and starts nothing: the DAG of the same name keeps a report of each day. Exit code 3 where a
    column drifted.
    """
    from ml.monitoring.monitor import monitor

    found = monitor(settings(), use_case(name), last=last)
    drifted = [column.column for column in found.columns if column.drifted]
    tell(asdict(found) | {"drifted": drifted}, *found.lines, as_json=as_json)
    conclude(is_well=not drifted)


COMMANDS = (drift,)
