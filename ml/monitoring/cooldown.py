"""At most one retraining of a model in so many days, however often drift is found."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal

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
    cursor: Cursor,
    use_case: str,
    model_name: str,
    report_id: int,
    moment: dt.datetime,
    cooldown_days: float,
    asked_by: Literal["drift", "outcomes"] = "drift",
) -> Retraining:
    """Whether the report starts a retraining of the model, whatever version is in production by then.

    Retrainings count whoever asked for them: a report on drift, or one on outcomes. Time is measured between the
    moments that reports stand for (of drift, the ends of windows), not by the clock, so that a replay decides as
    the first run did; and in both directions, so that windows checked in any order start no two retrainings in
    one cooldown.
    """
    cursor.execute(
        "SELECT asked_by = %(by)s AND asked_id = %(id)s AS own, run_id, moment FROM ml.retrainings"
        " WHERE use_case = %(use_case)s AND model_name = %(model)s AND"
        " ((asked_by = %(by)s AND asked_id = %(id)s) OR abs(extract(epoch FROM moment - %(moment)s)) < %(seconds)s)"
        " ORDER BY own DESC, moment DESC, asked_id DESC LIMIT 1",
        {
            "by": asked_by, "id": report_id, "use_case": use_case, "model": model_name, "moment": moment,
            "seconds": cooldown_days * 86_400,
        },
    )  # fmt: skip
    found = cursor.fetchone()
    if found is None:
        return Retraining(wanted=True)
    is_own, run_id, at = found
    if is_own:
        return Retraining(wanted=False, run_id=run_id)
    return Retraining(wanted=False, run_id=run_id, until=at + dt.timedelta(days=cooldown_days))
