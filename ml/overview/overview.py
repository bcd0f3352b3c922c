"""All that the page of a use case shows, read in one transaction."""

from __future__ import annotations

from dataclasses import dataclass

from ml.overview import data_quality, drift_map, live_performance, promotion_ledger, serving_traffic
from ml.overview.data_quality import File
from ml.overview.drift_map import DriftMap
from ml.overview.live_performance import LivePerformance
from ml.overview.period import Period
from ml.overview.promotion_ledger import LedgerEntry
from ml.overview.reading import reading
from ml.overview.serving_traffic import TrafficStep
from ml.overview.status import Status, status


@dataclass(frozen=True)
class Overview:
    """A use case in a period; each list is empty where there is nothing."""

    period: Period
    status: Status
    quality: list[data_quality.Step]
    files: list[File]
    drift: DriftMap
    performance: LivePerformance
    ledger: list[LedgerEntry]
    traffic: list[TrafficStep]


def overview(database_url: str, use_case: str, model_name: str, metric: str, period: Period) -> Overview:
    """The use case whose model has that name and is judged by that metric. Raises :class:`ml.errors.Unavailable`."""
    with reading(database_url) as cursor:
        return Overview(
            period=period,
            status=status(cursor, use_case, model_name, period.now),
            quality=data_quality.steps(cursor, use_case, period),
            files=data_quality.newest_files(cursor, use_case),
            drift=drift_map.drift_map(cursor, use_case, period),
            performance=live_performance.live_performance(cursor, use_case, model_name, metric, period),
            ledger=promotion_ledger.ledger(cursor, model_name),
            traffic=serving_traffic.traffic(cursor, use_case, period),
        )
