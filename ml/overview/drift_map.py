"""How far each column had moved at each check: columns × days."""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from psycopg2.extensions import cursor as Cursor

from ml.monitoring.measure import UNCHANGED, Measure
from ml.overview.period import Period

_TRIFLE = dt.timedelta(microseconds=1)


@dataclass(frozen=True)
class DriftCheck:
    """A row of ``ml.drift_reports``; ``retraining`` is the run of ``train`` that it started."""

    id: int
    model_version: str
    window_start: dt.datetime
    window_end: dt.datetime
    n_rows: int
    state: str
    standing: str
    retraining: str | None

    @property
    def label(self) -> str:
        """What a reader needs to know: ok, suspected, confirmed or insufficient_data."""
        return self.standing if self.state == "drift" else self.state


@dataclass(frozen=True)
class Cell:
    """What said most of a column at a check; ``ratio`` is its change in limits, above 1 beyond the limit."""

    measure: Measure
    check: DriftCheck

    @property
    def ratio(self) -> float:
        """The change in limits."""
        return self.measure.ratio


@dataclass(frozen=True)
class DriftMap:
    """``checks`` and each row of ``columns`` have a place for each of ``steps``; None where nothing was checked.

    Where a step has several checks, each place holds that which says most: of the state, and of each column.
    """

    steps: list[dt.datetime]
    checks: list[DriftCheck | None]
    columns: dict[str, list[Cell | None]]

    @property
    def last(self) -> DriftCheck | None:
        """The newest check of the period."""
        return next((check for check in reversed(self.checks) if check), None)

    def newest(self, column: str) -> Cell | None:
        """The newest cell of a column."""
        return next((cell for cell in reversed(self.columns[column]) if cell), None)


_WEIGHT = {"ok": 1, "insufficient_data": 0, "suspected": 2, "confirmed": 3}
_CHECK = (
    "SELECT id, model_version, window_start, window_end, n_rows, state, standing, retraining FROM ml.drift_reports"
    " WHERE use_case = %s"
)


def drift_map(cursor: Cursor, use_case: str, period: Period) -> DriftMap:
    """The checks whose window ended in the period; a window counts on its last day."""
    placed = [
        (check, step) for check in _checks(cursor, use_case, period) if (step := _step_of(check, period)) is not None
    ]
    said: list[DriftCheck | None] = [None] * len(period.steps)
    for check, step in placed:
        before = said[step]
        if before is None or _WEIGHT[check.label] >= _WEIGHT[before.label]:
            said[step] = check
    cells: dict[str, list[Cell | None]] = defaultdict(lambda: [None] * len(period.steps))
    for step, name, cell in _cells(cursor, placed):
        cells[name][step] = cell
    return DriftMap(period.steps, said, dict(sorted(cells.items(), key=lambda item: _rank(*item))))


def _step_of(check: DriftCheck, period: Period) -> int | None:
    return period.step_of(check.window_end - _TRIFLE)


def newest_checks(cursor: Cursor, use_case: str, *, limit: int = 5) -> list[DriftCheck]:
    """The newest checks, the newest first."""
    cursor.execute(f"{_CHECK} ORDER BY window_end DESC, id DESC LIMIT %s", (use_case, limit))
    return [DriftCheck(*row) for row in cursor.fetchall()]


def checks_between(cursor: Cursor, use_case: str, start: dt.datetime, end: dt.datetime) -> list[DriftCheck]:
    """The checks that were first made in that time, both ends included."""
    cursor.execute(f"{_CHECK} AND at BETWEEN %s AND %s ORDER BY id", (use_case, start, end))
    return [DriftCheck(*row) for row in cursor.fetchall()]


def _checks(cursor: Cursor, use_case: str, period: Period) -> list[DriftCheck]:
    """Of several that ended at the same time, the newest: an older one is of a version that no longer serves."""
    cursor.execute(
        "SELECT DISTINCT ON (window_end) id, model_version, window_start, window_end, n_rows, state, standing,"
        " retraining FROM ml.drift_reports WHERE use_case = %s AND window_end > %s AND window_end <= %s"
        " ORDER BY window_end, id DESC",
        (use_case, period.steps[0], period.end),
    )
    return [DriftCheck(*row) for row in cursor.fetchall()]


def _cells(cursor: Cursor, placed: Sequence[tuple[DriftCheck, int]]) -> list[tuple[int, str, Cell]]:
    """Of each step and column that which moved most, by the first statistic of the column. Too few rows say nothing.

    The database chooses: a year of cells made here would have Python's garbage collector search all of Airflow.
    """
    told = {check.id: (check, step) for check, step in placed if check.state != "insufficient_data"}
    cursor.execute(
        "WITH found AS (SELECT told.id, told.step, c ->> 'column' AS name, m ->> 'statistic' AS statistic,"
        " (m ->> 'value')::float8 AS value, (m ->> 'limit')::float8 AS beyond, (c ->> 'drifted')::boolean AS drifted"
        " FROM unnest(%(ids)s::bigint[], %(steps)s::int[]) AS told (id, step) JOIN ml.drift_reports r USING (id),"
        " jsonb_array_elements(r.columns) AS c, LATERAL (SELECT coalesce(c -> 'measures' -> 0,"
        " jsonb_build_object('statistic', 'psi', 'value', c -> 'value', 'limit', c -> 'limit')) AS m) AS first)"
        " SELECT DISTINCT ON (step, name) step, name, id, statistic, value, beyond, drifted FROM found,"
        " LATERAL (SELECT coalesce((%(unchanged)s::jsonb ->> statistic)::float8, 0) AS nothing) AS from_where"
        " ORDER BY step, name, coalesce((value - nothing) / (beyond - nothing), 0) DESC, id DESC",
        {
            "ids": list(told),
            "steps": [step for _, step in told.values()],
            "unchanged": json.dumps(UNCHANGED),
        },
    )
    return [
        (step, name, Cell(Measure(statistic, value, limit=limit, drifted=drifted), told[report][0]))
        for step, name, report, statistic, value, limit, drifted in cursor.fetchall()
    ]


def _rank(name: str, cells: Sequence[Cell | None]) -> tuple[int, float, str]:
    """The columns that drifted most often come first, then those that moved most."""
    found = [cell for cell in cells if cell]
    return -sum(cell.measure.drifted for cell in found), -max(cell.ratio for cell in found), name
