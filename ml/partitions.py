"""Monthly partitions of the inference log, by the time in its ids, and how long they are kept.

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


def drop_old(settings: Settings, now: dt.datetime) -> list[str]:
    """Remove the months of the log that ended ``settings.log_retention_days`` before ``now``, or earlier.

    Whole months go, so a prediction is kept for that long and up to a month more; rows of such months in the
    default partition and outcomes of such predictions go with them. Without the setting nothing is removed.
    Returns the names of the partitions removed. Where a long query holds the log, it gives up after 3 s: the
    next call goes on. Safe to repeat and to run at any number at once.
    Raises ``ValueError`` for a date without a time zone.
    """
    if settings.log_retention_days is None:
        return []
    oldest, _ = month_bounds(now - dt.timedelta(days=settings.log_retention_days))
    dropped = []
    try:
        with connect(settings.database_url, application="ml-partitions") as connection, connection.cursor() as cursor:
            lock(cursor, "partitions")
            _limit_waiting(cursor)
            for name in _months_before(cursor, str(oldest)):
                cursor.execute(sql.SQL("DROP TABLE {}").format(table("ml", name)))
                dropped.append(name)
            for rows in (_DEFAULT, table("ml", "outcomes")):
                cursor.execute(sql.SQL("DELETE FROM {} WHERE inference_id < %s").format(rows), (str(oldest),))
    except errors.LockNotAvailable:
        log.warning("The inference log is in use: nothing of it is removed yet.")
        return []
    for name in dropped:
        log.info("Partition ml.%s removed: older than %d days.", name, settings.log_retention_days)
    return dropped


def _months_before(cursor: Cursor, oldest: str) -> list[str]:
    """Names of the partitions whose ids are all below ``oldest``, by the bounds that Postgres keeps."""
    cursor.execute(
        "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid"
        " WHERE inhparent = %s::regclass AND"
        " (regexp_match(pg_get_expr(relpartbound, inhrelid), 'TO \\(''([^'']+)''\\)'))[1]::uuid <= %s ORDER BY relname",
        (f"ml.{_LOG}", oldest),
    )
    return [str(name) for (name,) in cursor.fetchall()]


def _limit_waiting(cursor: Cursor) -> None:
    # Waiting writers queue behind us: better to go without than to stop predictions.
    cursor.execute("SELECT set_config('lock_timeout', %s, true)", (f"{_LOCK_TIMEOUT_MS}ms",))


def _ensure(cursor: Cursor, moment: dt.datetime) -> str | None:
    name = f"{_LOG}_{month_start(moment):%Y_%m}"
    if _exists(cursor, name):
        return None
    lock(cursor, "partitions")
    if _exists(cursor, name):
        return None
    _limit_waiting(cursor)
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
