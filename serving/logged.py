"""What was answered before, by inference id: from the spool or from Postgres."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg2

from ml.errors import Unavailable
from ml.field_value import Value
from ml.payload import PayloadParser
from serving.async_postgres import AsyncPostgres
from serving.errors import IdTaken
from serving.inference_log import InferenceLog
from serving.log_database import reason
from serving.model import Model
from serving.spool_index import SpoolIndex

_COLUMNS = (
    "use_case", "model_name", "model_version", "input", "prediction", "probability", "threshold", "source", "role",
    "warnings",
)  # fmt: skip
_FIND = f"SELECT {', '.join(_COLUMNS)} FROM ml.inference_logs WHERE inference_id = %s"
_SHADOW = "shadow"


@dataclass(frozen=True)
class LoggedAnswer:
    """A prediction in the log. ``threshold`` is unknown for what was scored in batches by a pipeline."""

    use_case: str
    model_name: str
    model_version: str
    input: dict[str, Any]
    prediction: int
    probability: float
    threshold: float | None
    source: str
    role: str
    warnings: list[str] | None

    def repeated(self, payload: Mapping[str, object], model: Model) -> dict[str, object]:
        """The first answer once more, without its id, for the same input.

        Inputs are the same if the fields that the first answer was computed from have the same values, however
        they are spelled. Raises :class:`IdTaken` where they have not, and :class:`ml.errors.InvalidInput`.
        """
        manifest = model.manifest
        if (self.use_case, self.model_name, self.source) != (manifest.use_case, manifest.model_name, "online"):
            raise IdTaken
        if self._read(payload, model) != self.input:
            raise IdTaken
        return {
            "class": self.prediction,
            "probability": self.probability,
            "n_features": len(self.input),
            "model_version": self.model_version,
            "threshold": self.threshold,
            "warnings": self.warnings or [],
        }

    def _read(self, payload: Mapping[str, object], model: Model) -> dict[str, Value] | None:
        """The fields of the first answer; ``None`` where the contract has lost one since."""
        if self.input.keys() == {f.name for f in model.manifest.features}:
            return model.parse(payload).values
        try:
            return PayloadParser(model.manifest.contract, list(self.input)).parse(payload).values
        except KeyError:
            return None


class LoggedAnswers:
    """Looks answers up. An answer counts as given once it is in the spool or in Postgres."""

    def __init__(self, database_url: str, log: InferenceLog) -> None:
        self.postgres = AsyncPostgres(database_url)
        self._log = log
        self._spool = SpoolIndex(log.spool)
        self._turns: dict[UUID, _Turn] = {}

    @asynccontextmanager
    async def turn(self, inference_id: UUID) -> AsyncIterator[None]:
        """One request at a time for an id, in this process."""
        turn = self._turns.setdefault(inference_id, _Turn())
        turn.takers += 1
        try:
            async with turn.lock:
                yield
        finally:
            turn.takers -= 1
            if not turn.takers:
                del self._turns[inference_id]

    async def find(self, inference_id: UUID) -> LoggedAnswer | None:
        """What was answered under that id. Raises :class:`Unavailable` where what could know is away."""
        # In this order: what leaves the spool is in Postgres already.
        if not self._log.spool.is_empty():
            try:
                record = await asyncio.to_thread(self._spool.find, inference_id)
            except OSError as error:
                raise Unavailable("The spool", "the inference log", str(error)) from error
            if record:
                return _answered(tuple(record.get(name) for name in _COLUMNS))
        if self._log.away is not None:
            raise Unavailable("Postgres", "the inference log", self._log.away)
        try:
            rows = await self.postgres.execute(_FIND, (str(inference_id),))
        except (psycopg2.Error, OSError) as error:  # TimeoutError is an OSError
            raise Unavailable("Postgres", "the inference log", reason(error)) from error
        return _answered(rows[0]) if rows else None


class _Turn:
    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.takers = 0


def _answered(values: tuple[Any, ...]) -> LoggedAnswer | None:
    found = LoggedAnswer(*values)
    return found if found.role != _SHADOW else None  # a shadow's prediction was answered to nobody
