"""The page of a drift report: one HTML file that needs nothing beside it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from jinja2 import Template
from psycopg2.extensions import cursor as Cursor

from ml.monitoring import drift_charts, drift_store, drift_words
from ml.monitoring.column_drift import ColumnDrift
from ml.monitoring.cooldown import Retraining
from ml.monitoring.drift_store import DriftReport, PastWindow, PerformanceFigure
from ml.monitoring.inference_window import ModelVersion
from ml.monitoring.measure import NAMES
from ml.pages import page_template
from ml.publish import publishing
from ml.settings import Settings
from ml.use_case import UseCase

_WINDOWS = 14
"""So many windows are in a trend."""


@dataclass(frozen=True)
class Beside:
    """Earlier windows of the same version, the newest last, and its newest figures of performance."""

    trend: list[PastWindow]
    performance: list[PerformanceFigure]


def path_of(settings: Settings, of: ModelVersion, start: dt.datetime, end: dt.datetime) -> Path:
    """Where the page of a version and window lies; a check repeated writes the same file."""
    window = "-".join(f"{moment.astimezone(dt.UTC).replace(tzinfo=None).isoformat()}Z" for moment in (start, end))
    name = f"{of.use_case}-{of.model_name}-{of.version}-{window}.html".replace(":", "").replace(" ", "_")
    return (settings.reports_dir / "drift" / name).resolve()


def beside(cursor: Cursor, report: DriftReport) -> Beside:
    """What the database knows of the same version besides the report."""
    of = ModelVersion(report.use_case, report.model_name, report.model_version)
    trend = drift_store.history(cursor, of, report.window_end, _WINDOWS - 1)
    return Beside(trend, drift_store.performance(cursor, of, report.window_end))


def write(settings: Settings, use_case: UseCase, report: DriftReport, retraining: Retraining, more: Beside) -> None:
    """Write the page to ``report.report``, replacing what was there at once."""
    path = Path(report.report)
    path.parent.mkdir(parents=True, exist_ok=True)
    with publishing(path) as stream:
        stream.write(_render(settings, use_case, report, retraining, more).encode())


def _render(settings: Settings, use_case: UseCase, report: DriftReport, retraining: Retraining, more: Beside) -> str:
    config = use_case.config.drift
    mlflow = (settings.mlflow_public_url or settings.mlflow_tracking_uri).rstrip("/")
    return _template().render(
        report=report,
        use_case=use_case.contract,
        facts={column.name: column for column in use_case.contract.columns},
        title=drift_words.title(report.state, report.standing),
        verdict=drift_words.verdict(report, config.min_rows),
        action=drift_words.action(report, retraining, config.confirm),
        ranking=drift_charts.ranking(report.columns),
        histograms=[(column, drift_charts.compared(column)) for column in report.features],
        answers=drift_charts.probabilities(report.predictions.counts),
        compared={kind: _compared(report, kind) for kind in ("prediction", "outcome")},
        together=report.of_kind("rows"),
        trends=_trends(report, more.trend),
        performance=more.performance,
        statistics=NAMES,
        config=config,
        version_url=f"{mlflow}/#/models/{quote(report.model_name)}/versions/{quote(report.model_version)}",
    )


def _compared(report: DriftReport, kind: str) -> tuple[ColumnDrift, drift_charts.Histogram] | None:
    found = report.of_kind(kind)
    return (found, drift_charts.compared(found)) if found else None


def _trends(report: DriftReport, past: Sequence[PastWindow]) -> dict[str, drift_charts.Trend]:
    """The change of each column in limits, from the oldest window to this one."""
    return {
        c.column: drift_charts.trend([*(window.ratios.get(c.column) for window in past), c.first.ratio])
        for c in report.columns
    }


def _template() -> Template:
    return page_template(
        "drift_report.html",
        instant=drift_words.instant,
        percent=lambda share: f"{100 * share:.1f} %",
        chance=lambda p: "< 0.0001" if p < 0.0001 else f"{p:.4f}",
    )
