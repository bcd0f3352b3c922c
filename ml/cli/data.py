"""Commands for data: bring it in, check it, describe it, take it out."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from ml.cli.options import json_option, optional_path, settings, use_case, use_case_option, use_cases_option
from ml.cli.output import tell
from ml.cli.progress import progress


@click.command("data", epilog="Example: mlp data --use-case sales --data sales.csv")
@use_case_option
@click.option("--data", "path", help="A file to take; else what lies in landing, the archive, or the sample.")
@json_option
def load(name: str | None, path: str | None, as_json: bool) -> None:
    """Bring a file in: landing, ingest, validate."""
    from ml.ingest import ingest
    from ml.ingestion.source import provide
    from ml.validate import validate

    case = use_case(name)
    with progress("Data") as report:
        provided = provide(settings(), case, optional_path(path))
        report("ingest", 1, 3)
        ingested = ingest(settings(), case, run_id="command line")
        report("validate", 2, 3)
        validated = validate(settings(), case)
    tell(
        {"data": asdict(provided), "ingest": asdict(ingested), "validate": asdict(validated)},
        f"Data: {provided.kind}, {provided.path}. {provided.note}",
        f"Ingested: {ingested.rows_new} new rows from {len(ingested.files)} files.",
        f"Validated: {validated.rows_good} rows became features, {validated.rows_quarantined} are in quarantine.",
        *(f"Report: {page}" for page in validated.reports),
        as_json=as_json,
    )
    if ingested.rejected:
        raise click.ClickException(f"Refused: {', '.join(ingested.rejected)}; see {case.landing / 'rejected'}.")


@click.command(epilog="Example: mlp profile --use-case sales sales.csv")
@use_case_option
@use_cases_option
@click.argument("csv", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Default: profile.json in the use case's folder.")
def profile(name: str | None, folder: Path, csv: Path, out: Path | None) -> None:
    """Build profile.json, from which samples are drawn, from a real file."""
    import json

    from ml.samples.profile import build_profile

    case = use_case(name, folder)
    target = out or case.folder / "profile.json"
    target.write_text(json.dumps(build_profile(case, csv), separators=(",", ":")) + "\n", encoding="utf-8")
    click.echo(f"Wrote {target}.")


@click.command("export-table", epilog="Example: mlp export-table --use-case sales features --out features.csv")
@use_case_option
@click.argument("table", type=click.Choice(["raw", "features", "quarantine", "predictions"]))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The CSV file to write.")
@json_option
def export_table(name: str | None, table: str, out: Path, as_json: bool) -> None:
    """Write a table to a CSV file that is safe to open in a spreadsheet."""
    from ml.export import export_table as write

    rows = write(settings(), use_case(name), table, out)
    tell({"table": table, "rows": rows, "file": str(out)}, f"Wrote {rows} rows to {out}.", as_json=as_json)


@click.command(epilog="Example: mlp docs --use-case sales")
@use_case_option
@use_cases_option
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("docs/use_cases"), show_default=True, help="The folder."
)
def docs(name: str | None, folder: Path, out: Path) -> None:
    """Write the use case's page of the docs, from its contract."""
    from ml.contract_docs import contract_page

    case = use_case(name, folder)
    target = out / f"{case.name}.md"
    out.mkdir(parents=True, exist_ok=True)
    target.write_text(contract_page(case.contract), encoding="utf-8")
    click.echo(f"Wrote {target}.")


COMMANDS = (load, profile, docs, export_table)
