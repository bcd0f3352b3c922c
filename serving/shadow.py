"""Asks the challenger beside production, after the reply, and logs what it says.

Evidence, no obligation: where the queue is full or the database is away, a shadow's prediction is left out and counted.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from asyncio import Queue
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from uuid import UUID

import psycopg2

from ml.inference_id import shadow_id
from serving import log_record
from serving.log_database import LogDatabase, reason
from serving.model import Model

_log = logging.getLogger(__name__)
_AT_ONCE = 64
_GATHER_SECONDS = 0.05
"""Many share a commit, so that Postgres has time for the log that replies wait for."""
_PAUSE_SECONDS = 1
_LARGEST_BODY = 64 * 1024
"""Bytes; larger bodies, of fields that no model knows, do not fill the memory while they wait."""


@dataclass(frozen=True)
class Answered:
    """A request that production has answered."""

    inference_id: UUID
    payload: Mapping[str, object]
    size: int
    """Bytes of the body."""
    at: dt.datetime


@dataclass
class ShadowCounts:
    """What became of the requests that the challenger was to see, since the process started."""

    logged: int = 0
    dropped: int = 0
    """The queue was full, or the body too large."""
    failed: int = 0
    """The challenger raised an error."""
    lost: int = 0
    """Postgres did not take the record."""


class Shadow:
    """At most ``queue_size`` requests wait. :meth:`run` must run for them to be predicted."""

    def __init__(self, database_url: str, queue_size: int) -> None:
        self.counts = ShadowCounts()
        self._queue: Queue[tuple[Model, Answered]] = Queue(queue_size)
        # Apart from the log that replies wait for: a shadow's record never stands before a reply's.
        self._database = LogDatabase(database_url)
        self._thread = ThreadPoolExecutor(1, "shadow")

    def add(self, model: Model, answered: Answered) -> None:
        """Let the challenger see it, later. Returns at once; a full queue drops it."""
        try:
            if answered.size > _LARGEST_BODY:
                raise asyncio.QueueFull
            self._queue.put_nowait((model, answered))
        except asyncio.QueueFull:
            self.counts.dropped += 1

    async def run(self) -> None:
        """Predict and log what waits, until cancelled; what waits then is left out."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                waiting = [await self._queue.get()]
                if self._queue.qsize() < _AT_ONCE:
                    await asyncio.sleep(_GATHER_SECONDS)
                while len(waiting) < _AT_ONCE and not self._queue.empty():
                    waiting.append(self._queue.get_nowait())
                records = await loop.run_in_executor(self._thread, _predicted, waiting)
                self.counts.failed += len(waiting) - len(records)
                await self._write(records)
        finally:
            self._thread.shutdown(wait=False, cancel_futures=True)
            self._database.close()

    async def _write(self, records: list[bytes]) -> None:
        if not records:
            return
        try:
            await self._database.insert(records)
        except (psycopg2.Error, OSError) as error:  # TimeoutError is an OSError
            self.counts.lost += len(records)
            _log.warning("%s predictions of the challenger are not logged: %s", len(records), reason(error))
            await asyncio.sleep(_PAUSE_SECONDS)
        else:
            self.counts.logged += len(records)


def _predicted(waiting: Sequence[tuple[Model, Answered]]) -> list[bytes]:
    """Records of those that the challenger has an answer for."""
    records = []
    for model, answered in waiting:
        try:
            prediction = model.predict(answered.payload)
            identity = shadow_id(answered.inference_id, f"{model.source.name}/{model.version}")
            records.append(log_record.shadow(identity, prediction, answered.at, answered.inference_id))
        except Exception as error:  # whatever a bad challenger does
            _log.debug("the challenger has no prediction for %s: %s", answered.inference_id, type(error).__name__)
    return records
