"""Commands that say where a number comes from."""

from __future__ import annotations

from dataclasses import asdict
from uuid import UUID

import click

from ml.cli.options import json_option, settings
from ml.cli.output import tell


@click.command(epilog="Example: mlp lineage 019b0d3c-7d5e-7a52-9c1f-2f1f6b8f3a10")
@click.argument("inference_id", type=click.UUID)
@json_option
def lineage(inference_id: UUID, as_json: bool) -> None:
    """Follow a prediction back: version, gate, promotion, training snapshot, source files and rows.

    INFERENCE_ID is the one that the API answered with, or that stands in the table `predictions`.
    """
    from ml.lineage import trace
    from ml.lineage.words import lines

    found = trace(settings(), inference_id)
    tell(asdict(found), *lines(found), as_json=as_json)


COMMANDS = (lineage,)
