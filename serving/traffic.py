"""What this process answered, by the hour: counted in memory, written to ``ml.serving_traffic`` each minute.

It is a summary for people; what every answer was is in the inference log. Figures are cumulative for their hour, so a
write that is repeated changes nothing. With Postgres away they are kept, and written once it is back.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import logging
from bisect import bisect_left
from dataclasses import dataclass, field
from time import time
from uuid import uuid4

import psycopg2
from starlette.types import Scope

from ml.traffic import LATENCY_LIMITS
from serving.async_postgres import AsyncPostgres
from serving.inference_log import InferenceLog
from serving.log_database import reason
from serving.watcher import Watcher

_log = logging.getLogger(__name__)
_WRITE_SECONDS = 60
_HOUR = 3600
_HOURS_KEPT = 48
_CLIENT_ERROR, _SERVER_ERROR = 400, 500
ENDPOINTS = {
    "/v1/predict": "predict",
    "/predict": "predict",
    "/v1/predict/batch": "batch",
    "/v1/outcomes": "outcomes",
}
"""What is counted, by path."""
_WRITE = """
    INSERT INTO ml.serving_traffic (hour, process, use_case, model_version, endpoint,
        requests, client_errors, server_errors, latency_counts)
    SELECT * FROM json_to_recordset(%s) AS counted (hour timestamptz, process uuid, use_case text, model_version text,
        endpoint text, requests bigint, client_errors bigint, server_errors bigint, latency_counts bigint[])
    ON CONFLICT (hour, process, endpoint, model_version) DO UPDATE SET
        use_case = excluded.use_case, requests = excluded.requests, client_errors = excluded.client_errors,
        server_errors = excluded.server_errors, latency_counts = excluded.latency_counts
    RETURNING true
"""


@dataclass(slots=True)
class _Counts:
    client_errors: int = 0
    server_errors: int = 0
    latency: list[int] = field(default_factory=lambda: [0] * (len(LATENCY_LIMITS) + 1))


_Hour = dict[tuple[str, str], _Counts]
"""By endpoint and version."""


class Traffic:
    """Counts of one process. To count takes about a microsecond; :meth:`run` must run for them to be written."""

    def __init__(self, database_url: str, watcher: Watcher, log: InferenceLog) -> None:
        self._process = str(uuid4())
        self._postgres = AsyncPostgres(database_url)
        self._watcher = watcher
        self._inference_log = log
        self._hour = 0
        self._now: _Hour = {}
        self._hours: dict[int, _Hour] = {}
        self._counted = self._written = 0
        self._problem: str | None = None

    def answered(self, scope: Scope, status: int, seconds: float) -> None:
        """Count the answer to a request, where it is to one of :data:`ENDPOINTS`."""
        endpoint = ENDPOINTS.get(scope["path"])
        if endpoint is None:
            return
        hour = int(time()) // _HOUR
        if hour > self._hour:  # a clock that is set back ends no hour a second time
            self._begin(hour)
        version = scope["state"].get("model_version") or self._version()
        counts = self._now.get((endpoint, version))
        if counts is None:
            counts = self._now[endpoint, version] = _Counts()
        counts.latency[bisect_left(LATENCY_LIMITS, seconds)] += 1
        if status >= _SERVER_ERROR:
            counts.server_errors += 1
        elif status >= _CLIENT_ERROR:
            counts.client_errors += 1
        self._counted += 1

    async def run(self) -> None:
        """Write each minute, until cancelled; what was counted since is written then."""
        try:
            while True:
                await asyncio.sleep(_WRITE_SECONDS)
                await self.write()
        finally:
            await self.write()

    async def write(self) -> None:
        """Write what is not written yet. Raises nothing: with Postgres away it is kept for the next time."""
        # What every answer was waits for Postgres too, and tries whether it is back.
        if self._counted == self._written or self._inference_log.away is not None:
            return
        counted, finished = self._counted, [hour for hour in self._hours if hour != self._hour]
        try:
            await self._postgres.execute(_WRITE, (json.dumps(self._rows()),))
        except (psycopg2.Error, OSError) as error:  # TimeoutError is an OSError
            self._report(reason(error))
        else:
            self._report(None)
            self._written = counted
            for hour in finished:
                self._hours.pop(hour, None)
        finally:
            self._postgres.close()  # a minute is long for a connection to be held

    def _begin(self, hour: int) -> None:
        self._hour, self._now = hour, {}
        self._hours[hour] = self._now
        while len(self._hours) > _HOURS_KEPT:
            oldest = min(self._hours)
            del self._hours[oldest]
            _log.warning("the traffic of %s was never written: Postgres was away too long", _moment(oldest))

    def _version(self) -> str:
        model = self._watcher.standing.model
        return model.version if model else ""

    def _rows(self) -> list[dict[str, object]]:
        model = self._watcher.standing.model
        return [
            {
                "hour": _moment(hour),
                "process": self._process,
                "use_case": model.manifest.use_case if model else "",
                "model_version": version,
                "endpoint": endpoint,
                "requests": sum(counts.latency),
                "client_errors": counts.client_errors,
                "server_errors": counts.server_errors,
                "latency_counts": counts.latency,
            }
            for hour, by_name in self._hours.items()
            for (endpoint, version), counts in by_name.items()
        ]

    def _report(self, problem: str | None) -> None:
        if problem and self._problem is None:
            _log.warning("traffic is not written, and kept for up to %d hours: %s", _HOURS_KEPT, problem)
        elif problem is None and self._problem:
            _log.info("traffic is written again")
        self._problem = problem


def _moment(hour: int) -> str:
    return dt.datetime.fromtimestamp(hour * _HOUR, dt.UTC).isoformat()
