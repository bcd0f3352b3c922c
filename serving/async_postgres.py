"""One connection to Postgres that does not block the event loop; for one statement at a time."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg2
from psycopg2.extensions import POLL_OK, POLL_READ
from psycopg2.extensions import connection as Connection

_APPLICATION = "ml-serving-lookup"
_SECONDS = 5


class AsyncPostgres:
    """Connects when it is first asked, and anew after an error. Each statement is a transaction of its own."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: Connection | None = None
        self._turn = asyncio.Lock()

    async def execute(self, statement: str, parameters: tuple[object, ...]) -> list[tuple[Any, ...]]:
        """The rows it gives. Raises ``psycopg2.Error`` or ``TimeoutError``; it may then have been done or not.

        A statement must bear repetition: after a connection turns out to be cut it is tried once more.
        """
        async with self._turn:
            known = self._connection is not None
            try:
                return await self._execute(statement, parameters)
            except (psycopg2.OperationalError, psycopg2.InterfaceError):
                if not known:
                    raise
            return await self._execute(statement, parameters)

    def close(self) -> None:
        """Let the connection go."""
        if self._connection:
            self._connection.close()
            self._connection = None

    async def _execute(self, statement: str, parameters: tuple[object, ...]) -> list[tuple[Any, ...]]:
        try:
            async with asyncio.timeout(_SECONDS):
                connection = self._connection = self._connection or await connect(self._url, _APPLICATION)
                cursor = connection.cursor()
                cursor.execute(statement, parameters)
                await ready(connection)
                return cursor.fetchall()
        except BaseException:
            self.close()
            raise


async def connect(url: str, application: str) -> Connection:
    """A connection that never blocks; wait with :func:`ready` for what it is asked. Raises ``psycopg2.Error``."""
    connection = psycopg2.connect(url, application_name=application, options="-c timezone=UTC", async_=True)
    await ready(connection)
    return connection


async def ready(connection: Connection) -> None:
    """Wait until what was asked of an asynchronous connection is done."""
    loop = asyncio.get_running_loop()
    while (state := connection.poll()) != POLL_OK:
        socket, woken = connection.fileno(), asyncio.Event()
        add, remove = (
            (loop.add_reader, loop.remove_reader) if state == POLL_READ else (loop.add_writer, loop.remove_writer)
        )
        add(socket, woken.set)
        try:
            await woken.wait()
        finally:
            remove(socket)
