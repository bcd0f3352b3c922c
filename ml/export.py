"""A table of a use case as a CSV file for people."""

from __future__ import annotations

from pathlib import Path

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from ml.errors import ConfigError
from ml.scoring.spreadsheet import spreadsheet
from ml.settings import Settings
from ml.store import connect, table
from ml.use_case import UseCase

TABLES = ("raw", "features", "quarantine", "predictions")
_ROWS_AT_ONCE = 10_000


def export_table(settings: Settings, use_case: UseCase, name: str, out: Path) -> int:
    """Write one of :data:`TABLES`, safe to open in a spreadsheet; returns the rows.

    Memory does not grow with the table. Raises :class:`ConfigError` for another table, and where nothing was
    ingested yet.
    """
    if name not in TABLES:
        raise ConfigError(f"{use_case.name} has no table {name!r}; there are {', '.join(TABLES)}.")
    with connect(settings.database_url, application="export") as connection:
        with connection.cursor() as cursor:
            types = _columns_of(cursor, use_case.name, name)
        if not types:
            raise ConfigError(f"{use_case.name} has no table {name} yet; ingest a file first.")
        # JSON as text: the driver would make Python's objects of it.
        values = [sql.SQL("{}::text" if kind == "jsonb" else "{}").format(sql.Identifier(n)) for n, kind in types]
        with connection.cursor(name="export") as rows, spreadsheet(out, [n for n, _ in types]) as sheet:
            rows.execute(sql.SQL("SELECT {} FROM {}").format(sql.SQL(", ").join(values), table(use_case.name, name)))
            while chunk := rows.fetchmany(_ROWS_AT_ONCE):
                sheet.add(chunk)
            return sheet.rows


def _columns_of(cursor: Cursor, schema: str, name: str) -> list[tuple[str, str]]:
    """Names and types, in the table's order."""
    cursor.execute(
        "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = %s AND table_name = %s"
        " ORDER BY ordinal_position",
        (schema, name),
    )
    return list(cursor.fetchall())
