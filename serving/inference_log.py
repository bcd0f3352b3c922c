"""The inference log: a reply is sent only when its record is durable.

Requests that wait at the same time share one commit. With Postgres away their records go
to the spool, from where they reach Postgres once it is back.
"""

from __future__ import annotations

import asyncio
import logging
from asyncio import Future
from functools import partial

import psycopg2

from ml.errors import Unavailable
from serving.errors import LogUnavailable
from serving.log_database import LogDatabase, insert_spooled, reason
from serving.spool import Spool

_log = logging.getLogger(__name__)
_RETRY_SECONDS = 1


class InferenceLog:
    """Writes to ``database_url``, or to the spool. :meth:`run` must run for :meth:`append` to return."""

    def __init__(self, database_url: str, spool: Spool) -> None:
        self.away: str | None = None
        """Why records go to the spool; ``None`` while they go to Postgres."""
        self.spool_problem: str | None = None
        """Why the spool took no record when it was last asked to; ``None`` where it did."""
        self.waiting = 0
        """Records that are not durable yet."""
        self.spool = spool
        self._url = database_url
        self._database = LogDatabase(database_url)
        self._waiting: list[tuple[tuple[bytes, ...], Future[None]]] = []
        self._wake = asyncio.Event()

    async def append(self, *records: bytes) -> None:
        """Return when the records are durable: all of them, or none and :class:`LogUnavailable` is raised."""
        durable: Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((records, durable))
        self.waiting += len(records)
        self._wake.set()
        await durable

    async def run(self) -> None:
        """Write what waits, and replay the spool, until cancelled; what still waits is written then."""
        recovering = asyncio.create_task(self._recover())
        try:
            while True:
                await self._wake.wait()
                # Requests that came in together reach their append within two turns of the loop: one commit for all.
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                await self._write_waiting()
        finally:
            recovering.cancel()
            await self._write_waiting()
            self._database.close()
            self.spool.close()

    async def _write_waiting(self) -> None:
        self._wake.clear()
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        error: LogUnavailable | None = None
        try:
            await self._write([record for records, _ in waiting for record in records])
        except LogUnavailable as failed:
            error = failed
        for records, durable in waiting:
            self.waiting -= len(records)
            if durable.cancelled():
                continue
            if error:
                durable.set_exception(error)
            else:
                durable.set_result(None)

    async def _write(self, records: list[bytes]) -> None:
        if self.away is None:
            try:
                return await self._database.insert(records)
            except (psycopg2.Error, OSError) as error:  # TimeoutError is an OSError
                self._set_away(reason(error))
        try:
            await asyncio.to_thread(self.spool.append, records)
        except OSError as error:
            if self.spool_problem is None:
                _log.error("the spool takes no record, predictions are withheld: %s", error)
            self.spool_problem = str(error)
            raise LogUnavailable("neither the database nor the spool takes its record") from error
        self.spool_problem = None
        return None

    async def _recover(self) -> None:
        """Whenever records were spooled: replay them, and with that find out whether Postgres is back."""
        while True:
            if self.away or not self.spool.is_empty():
                try:
                    replayed = await asyncio.to_thread(self.spool.replay, partial(insert_spooled, self._url))
                except (Unavailable, psycopg2.Error, OSError) as error:
                    self._set_away(reason(error))
                else:
                    self._set_back(replayed)
            await asyncio.sleep(_RETRY_SECONDS)

    def _set_away(self, why: str) -> None:
        if self.away is None:
            _log.warning("log records go to the spool, Postgres does not take them: %s", why)
        self.away = why

    def _set_back(self, replayed: int) -> None:
        if self.away or replayed:
            _log.info("Postgres takes log records; %s came from the spool", replayed)
        self.away = self.spool_problem = None
