"""At most one retraining of a model in so many days, however often drift is found."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from psycopg2.extensions import cursor as Cursor


@dataclass(frozen=True)
class Retraining:
    """Whether a report that found drift starts a retraining.

    Where not, ``run_id`` is the run that stands for it: the report's own, or one whose window ends in the
    cooldown, which lasts to ``until``.
    """

    wanted: bool
    run_id: str | None = None
    until: dt.datetime | None = None


def decide(
    cursor: Cursor, use_case: str, model_name: str, report_id: int, window_end: dt.datetime, cooldown_days: float
) -> Retraining:
    """Whether the report starts a retraining of the model, whatever version is in production by then.

    Time is measured between the ends of windows, not by the clock, so that a replay decides as the first run
    did; and in both directions, so that windows checked in any order start no two retrainings in one cooldown.
    """
    cursor.execute(
        "SELECT id, retraining, window_end FROM ml.drift_reports"
        " WHERE use_case = %s AND model_name = %s AND retraining IS NOT NULL"
        " AND (id = %s OR abs(extract(epoch FROM window_end - %s)) < %s)"
        " ORDER BY id = %s DESC, window_end DESC, id DESC LIMIT 1",
        (use_case, model_name, report_id, window_end, cooldown_days * 86_400, report_id),
    )
    found = cursor.fetchone()
    if found is None:
        return Retraining(wanted=True)
    other_id, run_id, other_end = found
    if other_id == report_id:
        return Retraining(wanted=False, run_id=run_id)
    return Retraining(wanted=False, run_id=run_id, until=other_end + dt.timedelta(days=cooldown_days))
