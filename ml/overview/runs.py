"""The last runs of a use case's DAGs, made of what their tasks wrote down."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from psycopg2.extensions import cursor as Cursor

KINDS = ("ingest", "validate", "train", "promote", "score", "drift", "outcomes")
"""The DAGs of a use case, in the order in which data passes them; their ids are ``<use_case>_<kind>``."""
_RECENT = 14


@dataclass(frozen=True)
class Run:
    """A run; ``task`` and ``error`` are of the first task that failed, the error's first line.

    ``state`` is that of its tasks together: failed, running, up_for_retry, skipped (all of them) or success.
    """

    dag_id: str
    run_id: str
    run_after: dt.datetime
    state: str
    started_at: dt.datetime | None
    ended_at: dt.datetime | None
    task: str | None
    error: str | None

    @property
    def seconds(self) -> float | None:
        """From the start of its first task to the end of its last; None while it runs."""
        if self.started_at is None or self.ended_at is None or self.state in ("running", "up_for_retry"):
            return None
        return (self.ended_at - self.started_at).total_seconds()


@dataclass(frozen=True)
class Dag:
    """A DAG with its newest runs, the newest last; none where it did not run in the period."""

    dag_id: str
    kind: str
    runs: list[Run]

    @property
    def last(self) -> Run | None:
        """The newest run."""
        return self.runs[-1] if self.runs else None


@dataclass(frozen=True)
class TaskRun:
    """The newest try of one task of a run."""

    task_id: str
    map_index: int
    try_number: int
    state: str
    error: str | None
    started_at: dt.datetime | None
    ended_at: dt.datetime | None


def dag_ids(use_case: str) -> list[str]:
    """Ids of the DAGs of a use case."""
    return [f"{use_case}_{kind}" for kind in KINDS]


def owner_of(dag_id: str, use_cases: Sequence[str]) -> tuple[str, str] | None:
    """Use case and kind of a DAG; None where it belongs to none of these."""
    use_case, _, kind = dag_id.rpartition("_")
    return (use_case, kind) if use_case in use_cases and kind in KINDS else None


_RUN = (
    "SELECT t.dag_id, t.run_id, t.run_after,"
    " CASE WHEN bool_or(t.state = 'failed') THEN 'failed' WHEN bool_or(t.state = 'running') THEN 'running'"
    " WHEN bool_or(t.state = 'up_for_retry') THEN 'up_for_retry' WHEN bool_and(t.state = 'skipped') THEN 'skipped'"
    " ELSE 'success' END, min(t.started_at), max(t.ended_at),"
    " (array_agg(t.task_id ORDER BY t.ended_at, t.task_id) FILTER (WHERE t.state = 'failed'))[1],"
    " (array_agg(t.error ORDER BY t.ended_at, t.task_id) FILTER (WHERE t.state = 'failed'))[1] FROM ml.task_runs t"
)
_IN_ORDER = " GROUP BY t.dag_id, t.run_id, t.run_after ORDER BY t.run_after, t.run_id"


def last_runs(cursor: Cursor, use_case: str, start: dt.datetime, *, each: int = _RECENT) -> list[Dag]:
    """The DAGs of a use case, each with up to ``each`` runs that were due at ``start`` or later."""
    ids = dag_ids(use_case)
    cursor.execute(
        f"{_RUN} JOIN (SELECT id, due.run_id FROM unnest(%s) AS id, LATERAL (SELECT run_id FROM ml.task_runs"
        " WHERE dag_id = id AND run_after >= %s GROUP BY run_id ORDER BY max(run_after) DESC, run_id DESC LIMIT %s)"
        f" AS due) AS newest ON t.dag_id = newest.id AND t.run_id = newest.run_id {_IN_ORDER}",
        (ids, start, each),
    )
    found: dict[str, list[Run]] = {dag_id: [] for dag_id in ids}
    for row in cursor.fetchall():
        found[row[0]].append(Run(*row))
    return [Dag(dag_id, kind, runs) for kind, (dag_id, runs) in zip(KINDS, found.items(), strict=True)]


def one_run(cursor: Cursor, dag_id: str, run_id: str) -> tuple[Run, list[TaskRun]] | None:
    """A run with its tasks in the order in which they began; None where nothing was written down of it."""
    cursor.execute(f"{_RUN} WHERE t.dag_id = %s AND t.run_id = %s {_IN_ORDER}", (dag_id, run_id))
    row = cursor.fetchone()
    if row is None:
        return None
    cursor.execute(
        "SELECT task_id, map_index, try_number, state, error, started_at, ended_at FROM ml.task_runs"
        " WHERE dag_id = %s AND run_id = %s ORDER BY started_at NULLS LAST, task_id, map_index",
        (dag_id, run_id),
    )
    return Run(*row), [TaskRun(*task) for task in cursor.fetchall()]
