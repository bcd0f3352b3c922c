"""How good the version in production is: by the labels that arrived, and estimated where they have not."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from psycopg2.extensions import cursor as Cursor

from ml.overview.period import Period


@dataclass(frozen=True)
class Point:
    """A figure of one window with its 95 % interval; None where the rows gave none."""

    start: dt.datetime
    end: dt.datetime
    version: str
    kind: str
    metric: str
    value: float
    low: float | None
    high: float | None
    n_rows: int


@dataclass(frozen=True)
class Verdict:
    """A check of a window; ``reference`` is the version's own figure on its hold-out."""

    id: int
    version: str
    window_start: dt.datetime
    window_end: dt.datetime
    n_rows: int
    state: str
    metric: str
    reference: float
    value: float | None
    retraining: str | None
    at: dt.datetime


@dataclass(frozen=True)
class LivePerformance:
    """``points`` of the metric that is judged, by time; ``newest`` the newest figure of each metric and kind.

    ``reference`` belongs to the newest verdict; None before the first one.
    """

    metric: str
    points: list[Point]
    newest: list[Point]
    verdicts: list[Verdict]

    @property
    def last(self) -> Verdict | None:
        """The newest verdict; windows with too few labels tell nothing."""
        return next((verdict for verdict in reversed(self.verdicts) if verdict.state != "insufficient_data"), None)

    def of_kind(self, kind: str) -> list[Point]:
        """The points that are ``realised`` or ``estimated``."""
        return [point for point in self.points if point.kind == kind]


_POINT = "window_start, window_end, model_version, kind, metric, value, low, high, n_rows"
_VERDICT = (
    "SELECT id, model_version, window_start, window_end, n_rows, state, metric, reference, value, retraining, at"
    " FROM ml.performance_checks WHERE use_case = %s"
)


def live_performance(cursor: Cursor, use_case: str, model_name: str, metric: str, period: Period) -> LivePerformance:
    """Of all rows of the windows that touch the period. Of a window that two versions answered, the newer counts."""
    cursor.execute(
        f"SELECT DISTINCT ON (window_start, window_end, kind) {_POINT} FROM ml.performance WHERE use_case = %s"
        " AND model_name = %s AND metric = %s AND slice_column = '' AND window_end > %s AND window_start < %s"
        " ORDER BY window_start, window_end, kind, at DESC, model_version DESC",
        (use_case, model_name, metric, period.start, period.end),
    )
    points = [Point(*row) for row in cursor.fetchall()]
    cursor.execute(
        f"SELECT DISTINCT ON (kind, metric) {_POINT} FROM ml.performance WHERE use_case = %s AND model_name = %s"
        " AND slice_column = '' AND window_end > %s AND window_start < %s"
        " ORDER BY kind, metric, window_end DESC, at DESC, model_version DESC",
        (use_case, model_name, period.start, period.end),
    )
    newest = [Point(*row) for row in cursor.fetchall()]
    cursor.execute(
        f"{_VERDICT} AND model_name = %s AND window_end > %s AND window_start < %s ORDER BY window_end, id",
        (use_case, model_name, period.start, period.end),
    )
    return LivePerformance(metric, points, newest, [Verdict(*row) for row in cursor.fetchall()])


def newest_verdict(cursor: Cursor, use_case: str, model_name: str) -> Verdict | None:
    """The verdict on the newest window with labels enough; None where there is none."""
    cursor.execute(
        f"{_VERDICT} AND model_name = %s AND state <> 'insufficient_data' ORDER BY window_end DESC, id DESC LIMIT 1",
        (use_case, model_name),
    )
    row = cursor.fetchone()
    return Verdict(*row) if row else None


def verdicts_between(cursor: Cursor, use_case: str, start: dt.datetime, end: dt.datetime) -> list[Verdict]:
    """The verdicts that were first given in that time, both ends included."""
    cursor.execute(f"{_VERDICT} AND at BETWEEN %s AND %s ORDER BY id", (use_case, start, end))
    return [Verdict(*row) for row in cursor.fetchall()]
