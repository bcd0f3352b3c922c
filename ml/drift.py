"""Has what the production model is asked moved away from what it was trained on?

A window of ``ml.inference_logs`` is compared with the training data of the version that answered, column by
column and as a whole (:mod:`ml.monitoring.column_drift`), and reported as a row of ``ml.drift_reports`` and a page
with pictures. The windows before it say whether drift is suspected or confirmed (:mod:`ml.monitoring.standing`).
"""

from __future__ import annotations

import datetime as dt
import logging
from dataclasses import dataclass, replace
from pathlib import Path

from psycopg2.extensions import cursor as Cursor

from ml.model_config import Confirm
from ml.monitoring import drift_report, drift_store, drift_words
from ml.monitoring.answers import Answers
from ml.monitoring.column_drift import ColumnDrift, compare
from ml.monitoring.cooldown import Retraining, decide
from ml.monitoring.drift_store import DriftReport, Predictions
from ml.monitoring.inference_window import ModelVersion, between
from ml.monitoring.standing import Standing, standing
from ml.settings import Settings
from ml.store import connect, lock
from ml.use_case import UseCase, load_use_case

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DriftResult:
    """What a check found; plain values, for XCom. ``drifted`` holds column, statistic, value and limit of each.

    ``standing`` is ok, suspected or confirmed; only confirmed drift starts a retraining.
    """

    report_id: int
    state: str
    model_name: str
    model_version: str
    n_rows: int
    drifted: list[dict[str, str | float]]
    report_path: str
    retrain: bool
    verdict: str
    action: str
    standing: str


def check(settings: Settings, use_case: UseCase, *, window_start: dt.datetime, window_end: dt.datetime) -> DriftResult:
    """Check the version in production; its inferences from ``window_start`` to ``window_end``, which is not included.

    Repeated, it finds the same and writes the same row and file. Raises ``NoProductionModel``,
    ``ReferenceUnusable`` where it is not known what the version was trained on, ``Unavailable``, and
    ``ValueError`` for a window without time zone or length.
    """
    from ml.registry import production_version  # noqa: PLC0415

    version = production_version(settings, use_case.config.model_name).version
    return check_version(settings, use_case, version, window_start=window_start, window_end=window_end)


def check_version(
    settings: Settings, use_case: UseCase, version: str, *, window_start: dt.datetime, window_end: dt.datetime
) -> DriftResult:
    """As :func:`check`, for any version."""
    if window_start.tzinfo is None or window_end.tzinfo is None or window_start >= window_end:
        raise ValueError(
            f"no window: {window_start.isoformat()} to {window_end.isoformat()} (with time zone, end last)"
        )
    of = ModelVersion(use_case.name, use_case.config.model_name, version)
    report = _report(settings, use_case, of, window_start, window_end)
    with connect(settings.database_url, application="drift") as connection, connection.cursor() as cursor:
        lock(cursor, "drift", use_case.name, of.model_name)
        config = use_case.config.drift
        report = drift_store.save(cursor, replace(report, standing=_standing(cursor, of, report, config.confirm)))
        retraining = decide(cursor, use_case.name, of.model_name, report.id, window_end, config.cooldown_days)
        # Inside the transaction: a row without its page, or a page without its row, is never left behind.
        drift_report.write(settings, use_case, report, retraining, drift_report.beside(cursor, report))
    result = _result(use_case, report, retraining)
    log.info("%s", describe(result))
    return result


def record_retraining(settings: Settings, report_id: int, run_id: str) -> None:
    """Note the run that a report started, and show it on the report's page. Noted once: later calls change nothing.

    Raises ``KeyError`` where there is no such report.
    """
    with connect(settings.database_url, application="drift") as connection, connection.cursor() as cursor:
        report = drift_store.record_run(cursor, report_id, run_id)
        if report is None:
            return
        use_case = load_use_case(settings.use_cases_dir, report.use_case)
        retraining = Retraining(wanted=False, run_id=run_id)
        drift_report.write(settings, use_case, report, retraining, drift_report.beside(cursor, report))
    log.info("Drift report %s started the retraining %s.", report_id, run_id)


def describe(result: DriftResult) -> str:
    """The result for the person on duty: what, by how much, what was done, where to look."""
    page = Path(result.report_path).as_uri()
    return f"{drift_words.title(result.state, result.standing)}. {result.verdict} {result.action} Report: {page}"


def _report(
    settings: Settings, use_case: UseCase, of: ModelVersion, start: dt.datetime, end: dt.datetime
) -> DriftReport:
    with connect(settings.database_url, application="drift") as connection, connection.cursor() as cursor:
        reference = drift_store.read_reference(cursor, of)
    window, config = between(settings, of, reference, start, end), use_case.config.drift
    columns, answers = compare(reference, window, config) if window.rows else [], window.answers or Answers()
    return DriftReport(
        use_case=of.use_case,
        model_name=of.model_name,
        model_version=of.version,
        window_start=start,
        window_end=end,
        n_rows=window.rows,
        state=_state(window.rows, columns, config.min_rows),
        columns=columns,
        predictions=Predictions(
            mean_probability=answers.moments.mean if window.rows else None,
            positive_share=answers.positives / window.rows if window.rows else None,
            counts=[*answers.tenths.tolist(), 0],
        ),
        report=str(drift_report.path_of(settings, of, start, end)),
    )


def _state(rows: int, columns: list[ColumnDrift], min_rows: int) -> str:
    if rows < min_rows:
        return "insufficient_data"
    return "drift" if any(c.drifted for c in columns) else "ok"


def _standing(cursor: Cursor, of: ModelVersion, report: DriftReport, confirm: Confirm) -> Standing:
    if report.state == "insufficient_data":
        return Standing.OK
    past = drift_store.history(cursor, of, report.window_end, confirm.windows)
    return standing([*(window.state == "drift" for window in past), report.state == "drift"], confirm)


def _result(use_case: UseCase, report: DriftReport, retraining: Retraining) -> DriftResult:
    return DriftResult(
        report_id=report.id,
        state=report.state,
        model_name=report.model_name,
        model_version=report.model_version,
        n_rows=report.n_rows,
        drifted=[
            {"column": c.column, "statistic": m.statistic, "value": m.value, "limit": m.limit or 0.0}
            for c, m in ((c, c.first) for c in report.drifted)
        ],
        report_path=report.report,
        retrain=report.standing == Standing.CONFIRMED and retraining.wanted,
        verdict=drift_words.verdict(report, use_case.config.drift.min_rows),
        action=drift_words.action(report, retraining, use_case.config.drift.confirm),
        standing=str(report.standing),
    )
