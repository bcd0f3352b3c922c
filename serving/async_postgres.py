"""Postgres without blocking the event loop; for one statement at a time."""

from __future__ import annotations

import asyncio
from asyncio import Future
from typing import Any

import psycopg2
from psycopg2.extensions import POLL_OK, POLL_READ
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

_APPLICATION = "ml-serving-lookup"
_SECONDS = 5


class AsyncConnection:
    """A connection whose socket is watched as long as it is open: to begin and end that costs half a statement.

    After an error, and after a statement that was not waited for, it is of no more use. It closes by itself when
    Postgres goes away meanwhile.
    """

    def __init__(self, connection: Connection) -> None:
        """Takes a connection that is open; see :func:`connect`."""
        self._connection = connection
        self._socket = connection.fileno()
        self._heard: Future[None] | None = None
        self.closed = False
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket, self._hear)

    async def execute(self, statement: str, parameters: tuple[object, ...] = ()) -> Cursor:
        """Return when it is done. Raises ``psycopg2.Error``."""
        cursor = self._connection.cursor()
        cursor.execute(statement, parameters)
        try:
            while (state := self._connection.poll()) != POLL_OK:
                self._heard = self._loop.create_future()
                if state == POLL_READ:
                    await self._heard
                else:  # a long statement, which the socket did not take at once
                    await _wait(self._socket, state)
        finally:
            self._heard = None
        return cursor

    def close(self) -> None:
        """Let it go."""
        if not self.closed:
            self.closed = True
            self._loop.remove_reader(self._socket)
            self._connection.close()

    def _hear(self) -> None:
        if self._heard is None:  # nothing was asked
            try:
                self._connection.poll()
            except psycopg2.Error:  # Postgres went away
                self.close()
        elif not self._heard.done():
            self._heard.set_result(None)


class AsyncPostgres:
    """Connects when it is first asked, and anew after an error. Each statement is a transaction of its own."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: AsyncConnection | None = None
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
                if self._connection is None or self._connection.closed:
                    self._connection = await connect(self._url, _APPLICATION)
                return (await self._connection.execute(statement, parameters)).fetchall()
        except BaseException:
            self.close()
            raise


async def connect(url: str, application: str) -> AsyncConnection:
    """A new connection. Raises ``psycopg2.Error``."""
    connection = psycopg2.connect(url, application_name=application, options="-c timezone=UTC", async_=True)
    try:
        while (state := connection.poll()) != POLL_OK:
            await _wait(connection.fileno(), state)
    except BaseException:
        connection.close()
        raise
    return AsyncConnection(connection)


async def _wait(socket: int, state: int) -> None:
    """Until the socket can be read or written, whichever ``poll`` asked for."""
    loop, woken = asyncio.get_running_loop(), asyncio.Event()
    add, remove = (loop.add_reader, loop.remove_reader) if state == POLL_READ else (loop.add_writer, loop.remove_writer)
    add(socket, woken.set)
    try:
        await woken.wait()
    finally:
        remove(socket)
