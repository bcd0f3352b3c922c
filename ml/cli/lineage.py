"""Commands that say where a number comes from."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from uuid import UUID

import click

from ml.cli.options import json_option, model_option, settings
from ml.cli.output import tell
from ml.cli.progress import progress


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


@click.command(epilog="Example: mlp export --model-name bank-model --version 3 --to bank-model-3.zip")
@model_option
@click.option("--version", required=True, help="Number of the version.")
@click.option(
    "--to",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write; by default <model>-<version>-audit.zip in this folder.",
)
@click.option("--force", is_flag=True, help="Overwrite the file where it is there already.")
@json_option
def export(model_name: str, version: str, to: Path | None, force: bool, as_json: bool) -> None:
    """Write the audit export of a version: data, code, parameters, gate, approvals, card, history.

    The zip file holds no row of the data, but for the few by which the model is tried when it is loaded.
    """
    from urllib.parse import quote

    from ml.audit import export as write

    path = to or Path(f"{quote(model_name, safe='')}-{version}-audit.zip")
    with progress("Export") as report:
        done = write(settings(), model_name, version, path, overwrite=force, report=report)
    tell(
        asdict(done),
        f"Wrote {done.path}: {done.files} files, {done.bytes} bytes, sha256 {done.sha256}.",
        "Read index.html in it first; manifest.json has the checksum of every file.",
        as_json=as_json,
    )


COMMANDS = (lineage, export)
