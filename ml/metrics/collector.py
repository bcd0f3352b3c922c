"""Reads the platform's tables when Prometheus asks."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from threading import Lock
from time import monotonic

import psycopg2
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from psycopg2.extras import RealDictCursor

from ml.errors import ContractError, Unavailable
from ml.metrics import data, limits, models, pipelines
from ml.metrics.reading import Measure
from ml.settings import Settings
from ml.store import read_only
from ml.use_case import UseCase, discover

_log = logging.getLogger(__name__)

READINGS = (*data.READINGS, *models.READINGS, *pipelines.READINGS)
UP = Measure(
    "ml_platform_up", "Whether the platform's tables could be read: 1 or 0, and then nothing else is told", "up", ()
)
SECONDS = Measure("ml_platform_read_seconds", "Time it took to read the platform's tables", "seconds", ())
MEASURES = (UP, SECONDS, *limits.MEASURES, *(m for reading in READINGS for m in reading.measures))
"""All metrics, as docs/metrics.md lists them."""


class PlatformCollector(Collector):
    """The metrics of a platform. Asked more often than every ``cache_seconds``, it gives the same answer again.

    A statement that takes longer than ``statement_seconds`` is given up. Where the tables cannot be read,
    ``ml_platform_up`` is 0, all else is left out, and the log has the error, once for as long as it stays the same.
    """

    def __init__(self, settings: Settings, *, cache_seconds: float = 5, statement_seconds: float = 5) -> None:
        self._settings = settings
        self._cache_seconds = cache_seconds
        self._statement_seconds = statement_seconds
        self._reading = Lock()  # scrapes at the same time share one reading
        self._families: list[GaugeMetricFamily] = []
        self._fresh_until = 0.0
        self._told: dict[str, str] = {}

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Nothing is read to register it."""
        return (measure.family(()) for measure in MEASURES)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """All samples."""
        with self._reading:
            if monotonic() >= self._fresh_until:
                self._families = self._read()
                self._fresh_until = monotonic() + self._cache_seconds
            return iter(self._families)

    def _read(self) -> list[GaugeMetricFamily]:
        started, use_cases = monotonic(), self._use_cases()
        try:
            families = self._ask(use_cases)
        except (Unavailable, psycopg2.Error) as error:
            self._tell("tables", f"The platform's tables cannot be read: {str(error).splitlines()[0]}")
            return [UP.family([{"up": 0}])]
        self._told.pop("tables", None)
        families += [
            limits.OVERDUE.family(limits.overdue(use_cases)),
            limits.QUARANTINE_LIMIT.family(limits.quarantine_limits(use_cases)),
        ]
        return [UP.family([{"up": 1}]), SECONDS.family([{"seconds": monotonic() - started}]), *families]

    def _ask(self, use_cases: Sequence[UseCase]) -> list[GaugeMetricFamily]:
        given = {
            "use_cases": [u.name for u in use_cases],
            "model_names": [u.config.model_name for u in use_cases],
        }
        url, seconds = self._settings.database_url, self._statement_seconds
        with (
            read_only(url, application="metrics", statement_seconds=seconds) as connection,
            connection.cursor(cursor_factory=RealDictCursor) as cursor,
        ):
            families = []
            for reading in READINGS:
                cursor.execute(reading.sql, given)
                rows = cursor.fetchall()
                families += [measure.family(rows) for measure in reading.measures]
        return families

    def _use_cases(self) -> list[UseCase]:
        """Those that can be read, which is done anew each time: a folder that was added is seen."""
        readable = []
        for use_case in discover(self._settings.use_cases_dir):
            try:
                _ = use_case.config, use_case.contract
                readable.append(use_case)
                self._told.pop(use_case.name, None)
            except ContractError as error:
                self._tell(use_case.name, f"No metrics of {use_case.name}: {error}")
        return readable

    def _tell(self, what: str, message: str) -> None:
        if self._told.get(what) != message:
            _log.warning("%s", message)
            self._told[what] = message
