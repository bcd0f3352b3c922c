"""How long the rows are kept that only views read: task runs and the traffic of serving."""

from __future__ import annotations

import datetime as dt

from psycopg2 import sql

from ml.settings import Settings
from ml.store import connect, table

KEPT_DAYS = 400
"""A year, and some weeks to look back at it from."""
_TIMES = {"task_runs": "run_after", "serving_traffic": "hour"}


def forget_old(settings: Settings, now: dt.datetime) -> dict[str, int]:
    """Delete the rows older than :data:`KEPT_DAYS` before ``now``; returns how many, by table. Safe to repeat."""
    oldest = now - dt.timedelta(days=KEPT_DAYS)
    with connect(settings.database_url, application="ml-retention") as connection, connection.cursor() as cursor:
        deleted = {}
        for name, time in _TIMES.items():
            statement = sql.SQL("DELETE FROM {} WHERE {} < %s").format(table("ml", name), sql.Identifier(time))
            cursor.execute(statement, (oldest,))
            deleted[name] = cursor.rowcount
    return deleted
