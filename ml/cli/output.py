"""How results are shown: to people as tables and lines, to programs as JSON."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Mapping, Sequence

import click

NOT_WELL = 3
"""Exit code of a command that was carried out and found something that a person should see to."""


def show(rows: Sequence[Mapping[str, object]], *, title: str, as_json: bool) -> None:
    """Print rows as a table, one below the other where they hold documents, or as JSON."""
    if as_json:
        show_json(list(rows))
        return
    if not rows:
        click.echo(f"{title}: none yet.")
        return
    if any(isinstance(value, dict | list) for row in rows for value in row.values()):
        click.echo("\n\n".join(_record(row) for row in rows))
        return
    _print_table(rows, title)


def tell(document: Mapping[str, object], *lines: str, as_json: bool) -> None:
    """Print lines for people; or, for programs, the document that they were made from, as JSON."""
    if as_json:
        show_json(document)
        return
    for line in lines:
        click.echo(line)


def show_json(document: object) -> None:
    """Print a document as JSON; what JSON does not know, such as a time, as text."""
    click.echo(json.dumps(document, default=str, indent=2))


def conclude(*, is_well: bool) -> None:
    """End the command with the exit code that its answer has."""
    if not is_well:
        sys.exit(NOT_WELL)


def _print_table(rows: Sequence[Mapping[str, object]], title: str) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table()
    for heading in rows[0]:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*("" if value is None else f"{value}" for value in row.values()))
    # A pipe is as wide as the table needs; a terminal folds.
    width = None if sys.stdout.isatty() else 200
    click.echo(title)  # whole, however narrow the table is
    # What stands in brackets or between colons is data, neither markup nor the name of a picture.
    Console(width=width, markup=False, emoji=False).print(table)


def _record(row: Mapping[str, object]) -> str:
    """A row as lines of name and value; documents as JSON, cut where they would fill the screen."""
    width = max(map(len, row))
    values = {k: json.dumps(v) if isinstance(v, dict | list) else str(v) for k, v in row.items() if v is not None}
    return "\n".join(f"{name:<{width}}  {textwrap.shorten(v, 2000, placeholder=' …')}" for name, v in values.items())
