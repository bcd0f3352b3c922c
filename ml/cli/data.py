"""Commands for data: bring it in, check it, describe it, take it out."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from ml.cli.options import existing_file, settings, use_case, use_case_option


@click.command()
def migrate() -> None:
    """Bring the database to the newest schema."""
    from ml.store import migrate as apply

    click.echo(f"Applied: {', '.join(apply(settings().database_url)) or 'nothing, all was there'}.")


@click.command("data")
@use_case_option
@click.option("--data", "path", help="A file to take; else what lies in landing, UCI's archive, or the sample.")
def load(name: str | None, path: str | None) -> None:
    """Bring a file in: landing, ingest, validate."""
    from ml.ingest import ingest
    from ml.ingestion.source import provide
    from ml.validate import validate

    case = use_case(name)
    provided = provide(settings(), case, existing_file(path))
    click.echo(f"Data: {provided.kind}, {provided.path}. {provided.note}")
    ingested = ingest(settings(), case, run_id="command line")
    validated = validate(settings(), case)
    click.echo(json.dumps({"ingest": asdict(ingested), "validate": asdict(validated)}, indent=2, default=str))
    if ingested.rejected:
        raise click.ClickException(f"Refused: {', '.join(ingested.rejected)}; see {case.landing / 'rejected'}.")


@click.command()
@use_case_option
@click.argument("csv", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Default: profile.json in the use case's folder.")
def profile(name: str | None, csv: Path, out: Path | None) -> None:
    """Build profile.json, from which the sample is drawn, from a real file."""
    from ml.samples.profile import build_profile

    case = use_case(name)
    target = out or case.folder / "profile.json"
    target.write_text(json.dumps(build_profile(case, csv), separators=(",", ":")) + "\n", encoding="utf-8")
    click.echo(f"Wrote {target}.")


@click.command()
@use_case_option
@click.argument("table", type=click.Choice(["raw", "features", "quarantine", "predictions"]))
@click.option("--out", type=click.Path(path_type=Path), required=True)
def export(name: str | None, table: str, out: Path) -> None:
    """Write a table to a CSV file that is safe to open in a spreadsheet."""
    from ml.export import export_table

    click.echo(f"Wrote {export_table(settings(), use_case(name), table, out)} rows to {out}.")


@click.command()
@use_case_option
@click.option("--out", type=click.Path(path_type=Path), default=Path("docs/use_cases"), show_default=True)
def docs(name: str | None, out: Path) -> None:
    """Write the use case's page of the docs, from its contract."""
    from ml.contract_docs import contract_page

    case = use_case(name)
    target = out / f"{case.name}.md"
    out.mkdir(parents=True, exist_ok=True)
    target.write_text(contract_page(case.contract), encoding="utf-8")
    click.echo(f"Wrote {target}.")


COMMANDS = (migrate, load, profile, export, docs)
