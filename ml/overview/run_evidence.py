"""What a run left behind: its tasks, and what was written down while it ran."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from psycopg2.extensions import cursor as Cursor

from ml.overview.data_quality import File, files_judged_between, files_of_run
from ml.overview.drift_map import DriftCheck, checks_between
from ml.overview.live_performance import Verdict, verdicts_between
from ml.overview.promotion_ledger import LedgerEntry, entries_between
from ml.overview.reading import reading
from ml.overview.runs import Run, TaskRun, one_run


@dataclass(frozen=True)
class Trained:
    """A version that training registered."""

    model_name: str
    version: str
    run_id: str
    metric: str
    value: float
    n_train: int
    n_test: int


@dataclass(frozen=True)
class RunEvidence:
    """A run with what it wrote. A repeated run finds what was there before, and so shows less."""

    run: Run
    tasks: list[TaskRun]
    files: list[File]
    checks: list[DriftCheck]
    verdicts: list[Verdict]
    trained: list[Trained]
    promoted: list[LedgerEntry]


def run_evidence(
    database_url: str, use_case: str, model_name: str, kind: str, dag_id: str, run_id: str
) -> RunEvidence | None:
    """None where nothing was written down of the run. Raises :class:`ml.errors.Unavailable`."""
    with reading(database_url) as cursor:
        found = one_run(cursor, dag_id, run_id)
        if found is None:
            return None
        run, tasks = found
        start, end = run.started_at or run.run_after, run.ended_at or dt.datetime.now(dt.UTC)
        files: list[File] = []
        if kind == "ingest":
            files = files_of_run(cursor, use_case, run_id)
        elif kind == "validate":
            files = files_judged_between(cursor, use_case, start, end)
        return RunEvidence(
            run,
            tasks,
            files,
            checks_between(cursor, use_case, start, end) if kind == "drift" else [],
            verdicts_between(cursor, use_case, start, end) if kind == "outcomes" else [],
            _trained(cursor, use_case, start, end) if kind == "train" else [],
            entries_between(cursor, model_name, start, end) if kind == "promote" else [],
        )


def _trained(cursor: Cursor, use_case: str, start: dt.datetime, end: dt.datetime) -> list[Trained]:
    cursor.execute(
        "SELECT model_name, model_version, run_id, metric_name, metric_value, n_train, n_test FROM ml.training_data"
        " WHERE use_case = %s AND timestamp BETWEEN %s AND %s ORDER BY id",
        (use_case, start, end),
    )
    return [Trained(*row) for row in cursor.fetchall()]
