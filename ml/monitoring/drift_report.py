"""The page of a drift report: one HTML file that needs nothing beside it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from ml.monitoring import drift_charts, drift_words
from ml.monitoring.column_drift import FALSE_ALARM_RATE
from ml.monitoring.cooldown import Retraining
from ml.monitoring.drift_store import DriftReport
from ml.monitoring.inference_window import ModelVersion
from ml.publish import publishing
from ml.settings import Settings
from ml.use_case import UseCase


def path_of(settings: Settings, of: ModelVersion, start: dt.datetime, end: dt.datetime) -> Path:
    """Where the page of a version and window lies; a check repeated writes the same file."""
    window = "-".join(f"{moment.astimezone(dt.UTC).replace(tzinfo=None).isoformat()}Z" for moment in (start, end))
    name = f"{of.use_case}-{of.model_name}-{of.version}-{window}.html".replace(":", "").replace(" ", "_")
    return (settings.reports_dir / "drift" / name).resolve()


def write(settings: Settings, use_case: UseCase, report: DriftReport, retraining: Retraining) -> None:
    """Write the page to ``report.report``, replacing what was there at once."""
    path = Path(report.report)
    path.parent.mkdir(parents=True, exist_ok=True)
    with publishing(path) as stream:
        stream.write(_render(settings, use_case, report, retraining).encode())


def _render(settings: Settings, use_case: UseCase, report: DriftReport, retraining: Retraining) -> str:
    mlflow = (settings.mlflow_public_url or settings.mlflow_tracking_uri).rstrip("/")
    return _template().render(
        report=report,
        use_case=use_case.contract,
        facts={column.name: column for column in use_case.contract.columns},
        title=drift_words.TITLES[report.state],
        verdict=drift_words.verdict(report, use_case.config.drift.min_rows),
        action=drift_words.action(report, retraining),
        ranking=drift_charts.ranking(report.columns),
        histograms=[(column, drift_charts.compared(column)) for column in report.columns],
        answers=drift_charts.probabilities(report.predictions.counts),
        false_alarm_rate=FALSE_ALARM_RATE,
        version_url=f"{mlflow}/#/models/{quote(report.model_name)}/versions/{quote(report.model_version)}",
    )


def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("ml"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["instant"] = drift_words.instant
    environment.filters["percent"] = lambda share: f"{100 * share:.1f} %"
    return environment.get_template("drift_report.html")
