"""What the demo reads from the database: figures that no reply of a service holds."""

from __future__ import annotations

import datetime as dt
from typing import Any

from psycopg2 import sql

from ml.settings import Settings
from ml.store import connect, table
from ml.use_case import UseCase


def rows_of_file(settings: Settings, use_case: UseCase, checksum: str) -> tuple[int, int]:
    """Rows of that content in ``raw`` and in ``quarantine``, whenever it was loaded."""
    statement = sql.SQL(
        "SELECT (SELECT count(*) FROM {} WHERE _file_id = l.id), (SELECT count(*) FROM {} WHERE _file_id = l.id)"
        " FROM ml.ingest_ledger l WHERE use_case = %s AND sha256 = %s AND status = 'loaded'"
    ).format(table(use_case.name, "raw"), table(use_case.name, "quarantine"))
    row = _first(settings, statement, (use_case.name, checksum)) or (0, 0)
    return int(row[0]), int(row[1])


def newest_event(settings: Settings, use_case: UseCase) -> dt.date | None:
    """Date of the newest feature row; None where the use case has no event time."""
    statement = sql.SQL("SELECT max(_event_time) FROM {}").format(table(use_case.name, "features"))
    row = _first(settings, statement)
    return row[0] if row else None


def last_retraining(settings: Settings, use_case: UseCase) -> str | None:
    """Run of the DAG ``train`` that the newest drift report with a retraining started."""
    statement = sql.SQL(
        "SELECT retraining FROM ml.drift_reports WHERE use_case = %s AND retraining IS NOT NULL"
        " ORDER BY at DESC LIMIT 1"
    )
    row = _first(settings, statement, (use_case.name,))
    return str(row[0]) if row else None


def _first(settings: Settings, statement: sql.Composable, values: tuple[str, ...] = ()) -> tuple[Any, ...] | None:
    with connect(settings.database_url, application="demo") as connection, connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchone()
