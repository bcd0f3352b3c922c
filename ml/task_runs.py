"""What became of each task of the platform's DAGs, in ``ml.task_runs``: for views and metrics, not for the tasks."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from typing import Literal

from psycopg2.extensions import cursor as Cursor

from ml.settings import Settings
from ml.store import connect

State = Literal["running", "success", "failed", "up_for_retry", "skipped"]
_SECONDS = 3


@dataclass(frozen=True)
class TaskRun:
    """A row of the table. Times have a time zone."""

    use_case: str | None
    """``None`` where the DAG is of no use case."""
    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    """Of a mapped task, counted from 0; -1 for others."""
    try_number: int
    state: State
    error: str | None
    """First line of what it failed with."""
    run_after: dt.datetime
    """When the run was due."""
    started_at: dt.datetime | None
    ended_at: dt.datetime | None
    """``None`` while it runs."""


_KEY = ("dag_id", "run_id", "task_id", "map_index")
_COLUMNS = [field.name for field in fields(TaskRun)]
_INSERT = f"""
    INSERT INTO ml.task_runs AS known ({", ".join(_COLUMNS)}) VALUES ({", ".join(["%s"] * len(_COLUMNS))})
    ON CONFLICT ({", ".join(_KEY)}) DO UPDATE SET
        {", ".join(f"{name} = excluded.{name}" for name in _COLUMNS if name not in (*_KEY, "error"))}
"""
_RECORD = f"{_INSERT}, error = excluded.error WHERE known.try_number <= excluded.try_number"
_SETTLE = f"""
    {_INSERT}, error = CASE excluded.state WHEN 'failed' THEN %s END
    WHERE known.try_number < excluded.try_number
        OR known.try_number = excluded.try_number AND known.state = 'running'
"""


def record(settings: Settings, run: TaskRun) -> None:
    """Note how a task stands; the row replaces that of the same try, or of an earlier one.

    Gives up within a few seconds. Raises :class:`ml.errors.Unavailable` or ``psycopg2.Error``.
    """
    with _cursor(settings) as cursor:
        cursor.execute(_RECORD, astuple(run))


def settle(settings: Settings, runs: Sequence[TaskRun], *, unexplained: str) -> None:
    """Note how the tasks of a run ended that did not say so: killed, or while the database was away.

    ``unexplained`` becomes the error of one that failed while it was noted as running. What is noted already stays.
    Gives up and raises as :func:`record` does.
    """
    with _cursor(settings) as cursor:
        cursor.executemany(_SETTLE, [(*astuple(run), unexplained) for run in runs])


def failed_with(settings: Settings, dag_id: str, run_id: str, error: str) -> list[tuple[str, int]]:
    """Task id and map index of the run's tasks that failed with that error. Gives up and raises as :func:`record`."""
    with _cursor(settings) as cursor:
        cursor.execute(
            "SELECT task_id, map_index FROM ml.task_runs WHERE dag_id = %s AND run_id = %s AND state = 'failed'"
            " AND error = %s ORDER BY task_id, map_index",
            (dag_id, run_id, error),
        )
        return [(str(task_id), int(map_index)) for task_id, map_index in cursor.fetchall()]


@contextmanager
def _cursor(settings: Settings) -> Iterator[Cursor]:
    with (
        connect(settings.database_url, application="ml-task-runs", connect_seconds=_SECONDS) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(f"SET LOCAL statement_timeout = '{_SECONDS}s'")
        yield cursor
