"""Where drift reports lie in the database, and the reference they compare with."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import asdict, dataclass, replace
from typing import Any

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import RealDictCursor
from pydantic import ValidationError

from ml.errors import ReferenceUnusable
from ml.monitoring.column_drift import ColumnDrift
from ml.monitoring.feature_stats import FeatureStats
from ml.monitoring.inference_window import ModelVersion
from ml.monitoring.standing import Standing


@dataclass(frozen=True)
class Predictions:
    """What the version answered in the window; ``counts`` are rows per tenth of probability.

    ``mean_probability`` and ``positive_share`` are None in a window without rows.
    """

    mean_probability: float | None
    positive_share: float | None
    counts: list[int]


@dataclass(frozen=True)
class DriftReport:
    """A row of ``ml.drift_reports``. ``report`` is the path of the HTML file, ``retraining`` the run it started.

    ``columns`` has the findings on predictions, outcomes and whole rows, too.
    """

    use_case: str
    model_name: str
    model_version: str
    window_start: dt.datetime
    window_end: dt.datetime
    n_rows: int
    state: str
    columns: list[ColumnDrift]
    predictions: Predictions
    report: str
    standing: str = Standing.OK
    id: int = 0
    retraining: str | None = None

    @property
    def drifted(self) -> list[ColumnDrift]:
        """What is above its limit, the most drifted first."""
        return [c for c in self.columns if c.drifted] if self.state == "drift" else []

    @property
    def features(self) -> list[ColumnDrift]:
        """The columns of the input, in the same order."""
        return [c for c in self.columns if c.is_feature]

    def of_kind(self, kind: str) -> ColumnDrift | None:
        """The finding on the ``prediction``, the ``outcome``, or the ``rows`` as a whole; None where there is none."""
        return next((c for c in self.columns if c.kind == kind), None)


@dataclass(frozen=True)
class PastWindow:
    """An earlier check of the same version: how many limits each column had moved, and whether it was drift."""

    window_end: dt.datetime
    state: str
    ratios: dict[str, float]


@dataclass(frozen=True)
class PerformanceFigure:
    """A figure of performance with its 95 % interval: ``realised`` by outcomes, or ``estimated`` without them."""

    metric: str
    kind: str
    value: float
    low: float | None
    high: float | None
    n_rows: int
    window_end: dt.datetime


def read_reference(cursor: Cursor, of: ModelVersion) -> FeatureStats:
    """What a version was trained on. Raises :class:`ReferenceUnusable` where training left no such record."""
    cursor.execute(
        "SELECT feature_stats FROM ml.training_data WHERE model_name = %s AND model_version = %s",
        (of.model_name, of.version),
    )
    found = cursor.fetchone()
    if found is None:
        raise ReferenceUnusable(of.model_name, of.version, "ml.training_data has no row for it")
    try:
        return FeatureStats.model_validate(found[0])
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"]))
        raise ReferenceUnusable(of.model_name, of.version, f"feature_stats: {where}: {problem['msg']}") from error


def save(cursor: Cursor, report: DriftReport) -> DriftReport:
    """Write the report, replacing that of the same version and window, whose id and retraining it keeps."""
    cursor.execute(
        "INSERT INTO ml.drift_reports AS r (use_case, model_name, model_version, window_start, window_end, n_rows,"
        " state, standing, columns, predictions, report) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (use_case, model_name, model_version, window_start, window_end) DO UPDATE"
        " SET n_rows = excluded.n_rows, state = excluded.state, standing = excluded.standing,"
        " columns = excluded.columns, predictions = excluded.predictions, report = excluded.report"
        " RETURNING id, retraining",
        (
            report.use_case,
            report.model_name,
            report.model_version,
            report.window_start,
            report.window_end,
            report.n_rows,
            report.state,
            report.standing,
            json.dumps([asdict(c) for c in report.columns]),
            json.dumps(asdict(report.predictions)),
            report.report,
        ),
    )
    ((report_id, retraining),) = cursor.fetchall()
    return replace(report, id=report_id, retraining=retraining)


def history(cursor: Cursor, of: ModelVersion, before: dt.datetime, last: int) -> list[PastWindow]:
    """The last windows of the version that end earlier and had rows enough to tell, the newest last."""
    cursor.execute(
        "SELECT window_end, state, columns FROM ml.drift_reports WHERE use_case = %s AND model_name = %s"
        " AND model_version = %s AND window_end < %s AND state <> 'insufficient_data'"
        " ORDER BY window_end DESC, id DESC LIMIT %s",
        (of.use_case, of.model_name, of.version, before, last),
    )
    return [
        PastWindow(end, state, {c.column: c.first.ratio for c in map(ColumnDrift.from_json, columns)})
        for end, state, columns in reversed(cursor.fetchall())
    ]


def performance(cursor: Cursor, of: ModelVersion, until: dt.datetime) -> list[PerformanceFigure]:
    """The newest figures of the version on all rows, of windows that end no later."""
    cursor.execute(
        "SELECT DISTINCT ON (metric, kind) metric, kind, value, low, high, n_rows, window_end FROM ml.performance"
        " WHERE use_case = %s AND model_name = %s AND model_version = %s AND slice_column = '' AND window_end <= %s"
        " ORDER BY metric, kind, window_end DESC",
        (of.use_case, of.model_name, of.version, until),
    )
    return [PerformanceFigure(*row) for row in cursor.fetchall()]


def record_run(cursor: Cursor, report_id: int, run_id: str) -> DriftReport | None:
    """Note the retraining that a report started; None where one is noted already.

    Raises ``KeyError`` where there is no such report.
    """
    with cursor.connection.cursor(cursor_factory=RealDictCursor) as rows:
        rows.execute("SELECT * FROM ml.drift_reports WHERE id = %s FOR UPDATE", (report_id,))
        row = rows.fetchone()
    if row is None:
        raise KeyError(f"no drift report {report_id}")
    if row["retraining"] is not None:
        return None
    cursor.execute("UPDATE ml.drift_reports SET retraining = %s WHERE id = %s", (run_id, report_id))
    return _from_row({**row, "retraining": run_id})


def _from_row(row: dict[str, Any]) -> DriftReport:
    known = {name: row[name] for name in DriftReport.__dataclass_fields__}
    columns, predictions = list(map(ColumnDrift.from_json, row["columns"])), Predictions(**row["predictions"])
    return DriftReport(**{**known, "columns": columns, "predictions": predictions})
