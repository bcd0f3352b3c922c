"""Monthly partitions of the inference log, by the time in its ids.

A row whose month has no partition goes to the default one; it is moved when the month
gets its own, so nothing depends on partitions being made in time.
"""

from __future__ import annotations

import datetime as dt
import logging

from psycopg2 import errors, sql
from psycopg2.extensions import cursor as Cursor

from ml.inference_id import month_bounds, month_start
from ml.settings import Settings
from ml.store import connect, lock, table

log = logging.getLogger(__name__)

_LOG = "inference_logs"
_DEFAULT = table("ml", f"{_LOG}_default")
_LOCK_TIMEOUT_MS = 3000


def ensure_partitions(settings: Settings, moment: dt.datetime) -> list[str]:
    """Make the partitions of the moment's month (UTC) and of the next, where they are missing.

    Safe to repeat and to run at any number at once. Returns the names of those made now. Where a long
    query holds the default partition, it gives up after 3 s: the rows stay there and the next call tries again.
    Raises ``ValueError`` for a date without a time zone.
    """
    following = month_start(moment) + dt.timedelta(days=32)
    try:
        with connect(settings.database_url, application="ml-partitions") as connection, connection.cursor() as cursor:
            return [name for month in (moment, following) if (name := _ensure(cursor, month))]
    except errors.LockNotAvailable:
        log.warning("The inference log is in use: no partition for %s yet, its rows stay in the default one.", moment)
        return []


def _ensure(cursor: Cursor, moment: dt.datetime) -> str | None:
    name = f"{_LOG}_{month_start(moment):%Y_%m}"
    if _exists(cursor, name):
        return None
    lock(cursor, "partitions")
    if _exists(cursor, name):
        return None
    # Waiting writers queue behind us: better to go without a partition than to stop predictions.
    cursor.execute("SELECT set_config('lock_timeout', %s, true)", (f"{_LOCK_TIMEOUT_MS}ms",))
    # The parent first: a row on its way to the default partition, and waiting there, would be refused by it afterwards.
    cursor.execute(sql.SQL("LOCK TABLE ONLY {} IN SHARE ROW EXCLUSIVE MODE").format(table("ml", _LOG)))
    cursor.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(_DEFAULT))
    _attach(cursor, table("ml", name), moment)
    log.info("Partition ml.%s made.", name)
    return name


def _attach(cursor: Cursor, partition: sql.Composable, moment: dt.datetime) -> None:
    """Make a table, move the month's rows into it from the default partition, make it a partition."""
    parent = table("ml", _LOG)
    low, high = (str(bound) for bound in month_bounds(moment))
    cursor.execute(sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL)").format(partition, parent))
    cursor.execute(
        sql.SQL(
            "WITH moved AS (DELETE FROM {} WHERE inference_id >= %s AND inference_id < %s RETURNING *)"
            " INSERT INTO {} SELECT * FROM moved"
        ).format(_DEFAULT, partition),
        (low, high),
    )
    cursor.execute(
        sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES FROM (%s) TO (%s)").format(parent, partition),
        (low, high),
    )


def _exists(cursor: Cursor, name: str) -> bool:
    # Not to_regclass(): after the wait for a lock, a session's cache may still say that the table is missing.
    cursor.execute("SELECT 1 FROM pg_tables WHERE schemaname = 'ml' AND tablename = %s", (name,))
    return cursor.fetchone() is not None
