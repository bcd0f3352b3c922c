"""Where figures of live performance and the verdicts on them lie in the database."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from ml.errors import ReferenceUnusable
from ml.monitoring.inference_window import ModelVersion
from ml.performance.statistics import Figure
from ml.performance.verdict import State
from ml.performance.windows import CalendarWindow

Kind = Literal["realised", "estimated"]


@dataclass(frozen=True)
class Measured:
    """The figures of some rows of a window: of all of them (``column`` empty), or of one slice."""

    kind: Kind
    figures: dict[str, Figure]
    rows: int
    positives: int | None
    column: str = ""
    slice: str = ""


@dataclass(frozen=True)
class Check:
    """A row of ``ml.performance_checks``: the verdict on a window, at the moment that the check stands for."""

    of: ModelVersion
    window: CalendarWindow
    rows: int
    state: State
    metric: str
    reference: float
    figure: Figure | None
    moment: dt.datetime


def save_figures(cursor: Cursor, of: ModelVersion, window: CalendarWindow, measured: Iterable[Measured]) -> None:
    """Write the figures of a window in place of those that are there."""
    key = (of.use_case, of.model_name, of.version, window.start, window.end)
    cursor.execute(
        "DELETE FROM ml.performance WHERE (use_case, model_name, model_version, window_start, window_end)"
        " = (%s, %s, %s, %s, %s)",
        key,
    )
    rows = [
        (*key, m.kind, m.column, m.slice, metric, figure.value, figure.low, figure.high, m.rows, m.positives)
        for m in measured
        for metric, figure in m.figures.items()
    ]
    execute_values(
        cursor,
        "INSERT INTO ml.performance (use_case, model_name, model_version, window_start, window_end, kind, slice_column,"
        " slice, metric, value, low, high, n_rows, n_positives) VALUES %s",
        rows,
    )


def read_reference(cursor: Cursor, of: ModelVersion, metric: str) -> float:
    """The version's own figure on its hold-out. Raises :class:`ReferenceUnusable` where training left none."""
    cursor.execute(
        "SELECT metrics ->> %s FROM ml.training_data WHERE model_name = %s AND model_version = %s",
        (metric, of.model_name, of.version),
    )
    found = cursor.fetchone()
    if found is None or found[0] is None:
        raise ReferenceUnusable(of.model_name, of.version, f"ml.training_data has no {metric} of it")
    return float(found[0])


def save_check(cursor: Cursor, check: Check) -> int:
    """Write a verdict in place of the one on the same window, whose id and retraining it keeps; returns the id.

    Once it started a retraining, it stands for the moment it did.
    """
    figure = check.figure
    cursor.execute(
        "INSERT INTO ml.performance_checks AS c (use_case, model_name, model_version, window_start, window_end, n_rows,"
        " state, metric, reference, value, low, high, moment) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s,"
        " %s) ON CONFLICT (use_case, model_name, model_version, window_start, window_end) DO UPDATE SET n_rows ="
        " excluded.n_rows, state = excluded.state, metric = excluded.metric, reference = excluded.reference,"
        " value = excluded.value, low = excluded.low, high = excluded.high, at = now(),"
        " moment = CASE WHEN c.retraining IS NULL THEN excluded.moment ELSE c.moment END RETURNING id",
        (
            check.of.use_case,
            check.of.model_name,
            check.of.version,
            check.window.start,
            check.window.end,
            check.rows,
            check.state.value,
            check.metric,
            check.reference,
            figure.value if figure else None,
            figure.low if figure else None,
            figure.high if figure else None,
            check.moment,
        ),
    )
    ((check_id,),) = cursor.fetchall()
    return int(check_id)


def record_run(cursor: Cursor, check_id: int, run_id: str) -> None:
    """Note the retraining that a check started; noted once. Raises ``KeyError`` where there is no such check."""
    cursor.execute(
        "UPDATE ml.performance_checks SET retraining = coalesce(retraining, %s) WHERE id = %s", (run_id, check_id)
    )
    if not cursor.rowcount:
        raise KeyError(f"no performance check {check_id}")
