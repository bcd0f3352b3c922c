"""Options that several commands share, and how results are shown."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from ml.errors import ConfigError
from ml.settings import Settings
from ml.use_case import UseCase, discover, load_use_case

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
use_case_option = click.option("--use-case", "name", help="Folder of the use case; may be left out where there is one.")


def settings() -> Settings:
    """Settings from the environment. Raises :class:`ConfigError` naming the variables that are missing."""
    try:
        return Settings()
    except ValidationError as error:
        names = ", ".join(f"ML_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors())
        raise ConfigError(f"{names}. `make` sets them; by hand: `python -m stack run -- mlp …`.") from error


def use_case(name: str | None, folder: Path | None = None) -> UseCase:
    """The use case of that name, or the only one, in a folder, by default that of the settings.

    Raises :class:`ConfigError` where that is not clear.
    """
    folder = folder or settings().use_cases_dir
    if name:
        return load_use_case(folder, name)
    found = discover(folder)
    if len(found) != 1:
        raise ConfigError(
            f"Say which use case: --use-case {' | '.join(u.name for u in found) or f'(none in {folder})'}"
        )
    return found[0]


def show(rows: Sequence[Mapping[str, object]], *, title: str, as_json: bool) -> None:
    """Print rows as a table, one below the other where they hold documents, or as JSON."""
    if as_json:
        click.echo(json.dumps(list(rows), default=str, indent=2))
        return
    if not rows:
        click.echo(f"{title}: none yet.")
        return
    if any(isinstance(value, dict | list) for row in rows for value in row.values()):
        click.echo("\n\n".join(_record(row) for row in rows))
        return
    table = Table(title=title, title_justify="left")
    for heading in rows[0]:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*("" if value is None else f"{value}" for value in row.values()))
    # A pipe is as wide as the table needs; a terminal folds.
    width = None if sys.stdout.isatty() else 200
    # What stands in brackets or between colons is data, neither markup nor the name of a picture.
    Console(width=width, markup=False, emoji=False).print(table)


def _record(row: Mapping[str, object]) -> str:
    """A row as lines of name and value; documents as JSON, cut where they would fill the screen."""
    width = max(map(len, row))
    values = {k: json.dumps(v) if isinstance(v, dict | list) else str(v) for k, v in row.items() if v is not None}
    return "\n".join(f"{name:<{width}}  {textwrap.shorten(v, 2000, placeholder=' …')}" for name, v in values.items())


def existing_file(value: str | None) -> Path | None:
    """The path of an option; empty means not given."""
    return Path(value) if value else None
