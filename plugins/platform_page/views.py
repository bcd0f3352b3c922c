"""What the templates draw, made of what was read."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from ml.overview.live_performance import LivePerformance, Point
from ml.overview.overview import Overview
from ml.overview.serving_traffic import TrafficStep
from ml.overview.status import Status
from ml.settings import Settings
from platform_page.charts import BarChart, LineChart, Sample, bar_chart, decade_chart, line_chart
from platform_page.heat_map import HeatMap, heat_map

QUANTILES = (0.5, 0.95, 0.99)


@dataclass(frozen=True)
class UseCaseLine:
    """A use case in the list; ``status`` is None where its files cannot be read, for the reason ``problem``."""

    name: str
    title: str
    model_name: str
    status: Status | None
    problem: str


@dataclass(frozen=True)
class Charts:
    """The pictures of a use case."""

    quality: BarChart
    drift: HeatMap
    performance: LineChart
    requests: BarChart
    latency: LineChart


def mlflow(settings: Settings) -> str:
    """Address of MLflow's pages, as people reach it."""
    return (settings.mlflow_public_url or settings.mlflow_tracking_uri).rstrip("/")


def charts(found: Overview) -> Charts:
    """Pictures of the whole period, whether there is anything to see or not."""
    period = found.period
    return Charts(
        bar_chart(period.steps, [[s.rows_good for s in found.quality], [s.rows_quarantined for s in found.quality]]),
        heat_map(found.drift),
        _performance(found.performance, period.start, period.end),
        _requests(found.traffic),
        _latency(found.traffic, period.start, period.end, dt.timedelta(days=period.step_days)),
    )


def _performance(found: LivePerformance, start: dt.datetime, end: dt.datetime) -> LineChart:
    """Each window at its middle, realised first; the level is that of the version's hold-out."""
    lines = [[_sample(point) for point in found.of_kind(kind)] for kind in ("realised", "estimated")]
    lengths = [point.end - point.start for point in found.points]
    gap = 1.5 * max(lengths, default=dt.timedelta(days=1))
    return line_chart(start, end, lines, level=found.last.reference if found.last else None, gap=gap)


def _sample(point: Point) -> Sample:
    return Sample(point.start + (point.end - point.start) / 2, point.value, point.low, point.high)


def _requests(steps: list[TrafficStep]) -> BarChart:
    answered = [s.traffic.requests - s.traffic.client_errors - s.traffic.server_errors for s in steps]
    refused, failed = [s.traffic.client_errors for s in steps], [s.traffic.server_errors for s in steps]
    return bar_chart([s.start for s in steps], [answered, refused, failed])


def _latency(steps: list[TrafficStep], start: dt.datetime, end: dt.datetime, step: dt.timedelta) -> LineChart:
    lines = [
        [Sample(s.start + step / 2, 1000 * value) for s in steps if (value := s.traffic.quantile(share))]
        for share in QUANTILES
    ]
    return decade_chart(start, end, lines, gap=1.5 * step)
