"""Log records into Postgres: awaited by requests, and from the spool."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress

import psycopg2

from ml.store import connect
from serving.async_postgres import AsyncConnection
from serving.async_postgres import connect as connect_async
from serving.log_record import INSERT, batch

_APPLICATION = "ml-serving"
_INSERT_SECONDS = 5
# To plan the statement takes Postgres longer than to insert a record: done once a connection.
_PREPARE = f"PREPARE insert_records (json) AS {INSERT.replace('%s', '$1')}"
_EXECUTE = "EXECUTE insert_records (%s)"
_ATTEMPTS = 2
_PAUSE_SECONDS = 0.1
_AT_FAULT = (psycopg2.DataError, psycopg2.IntegrityError, ValueError)
"""A record is; ``ValueError`` comes of bytes that a damaged disk gave."""


class LogDatabase:
    """One connection, which inserts records without blocking the event loop.

    An insert is one statement and one transaction: when it returns, all its records are durable.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: AsyncConnection | None = None

    async def insert(self, records: Sequence[bytes]) -> None:
        """Insert and commit. Raises ``psycopg2.Error`` or ``TimeoutError``; the records may then be in or not."""
        try:
            async with asyncio.timeout(_INSERT_SECONDS):
                if self._connection is None or self._connection.closed:
                    self._connection = await connect_async(self._url, _APPLICATION)
                    await self._connection.execute(_PREPARE)
                await self._connection.execute(_EXECUTE, batch(records))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let the connection go; the next insert opens another."""
        if self._connection:
            self._connection.close()
            self._connection = None


def reason(error: Exception) -> str:
    """What went wrong, without the detail by which Postgres quotes a row: it holds a client's data."""
    primary = error.diag.message_primary if isinstance(error, psycopg2.Error) else None
    return primary or str(error).strip().partition("\n")[0] or type(error).__name__


def insert_spooled(url: str, records: Sequence[bytes]) -> Sequence[bytes]:
    """Insert records from the spool, blocking; returns those that Postgres will never take.

    Raises :class:`ml.errors.Unavailable` or ``psycopg2.Error`` where the database, not a record, is at fault.
    """
    try:
        _insert(url, records)
    except _AT_FAULT:
        if len(records) == 1:
            return _insist(url, records)
        half = len(records) // 2
        return [*insert_spooled(url, records[:half]), *insert_spooled(url, records[half:])]
    return []


def _insist(url: str, records: Sequence[bytes]) -> Sequence[bytes]:
    """A row on its way to a partition that was replaced meanwhile is refused too, but not twice."""
    for _ in range(_ATTEMPTS):
        time.sleep(_PAUSE_SECONDS)
        with suppress(*_AT_FAULT):
            _insert(url, records)
            return []
    return records


def _insert(url: str, records: Sequence[bytes]) -> None:
    with connect(url, application=_APPLICATION) as connection, connection.cursor() as cursor:
        cursor.execute(INSERT, batch(records))
