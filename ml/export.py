"""A table of a use case as a CSV file for people."""

from __future__ import annotations

from pathlib import Path

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from ml.errors import ConfigError
from ml.settings import Settings
from ml.spreadsheet import spreadsheet
from ml.store import columns, connect, table
from ml.use_case import UseCase

_ROWS_AT_ONCE = 10_000


def export_table(settings: Settings, use_case: UseCase, name: str, out: Path) -> int:
    """Write ``raw``, ``features``, ``quarantine`` or ``predictions``, safe to open in a spreadsheet; returns the rows.

    Memory does not grow with the table. Raises :class:`ConfigError` where nothing was ingested yet.
    """
    with connect(settings.database_url, application="export") as connection:
        with connection.cursor() as cursor:
            names = _columns_of(cursor, use_case.name, name)
        if not names:
            raise ConfigError(f"{use_case.name} has no table {name} yet; ingest a file first: `make data-bank`.")
        with connection.cursor(name="export") as rows, spreadsheet(out, names) as sheet:
            rows.execute(sql.SQL("SELECT {} FROM {}").format(columns(names), table(use_case.name, name)))
            while chunk := rows.fetchmany(_ROWS_AT_ONCE):
                sheet.add(chunk)
            return sheet.rows


def _columns_of(cursor: Cursor, schema: str, name: str) -> list[str]:
    cursor.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = %s AND table_name = %s"
        " ORDER BY ordinal_position",
        (schema, name),
    )
    return [str(column) for (column,) in cursor.fetchall()]
