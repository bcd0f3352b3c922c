"""What became of each task of the platform's DAGs, in ``ml.task_runs``: for views and metrics, not for the tasks."""

from __future__ import annotations

import datetime as dt
from dataclasses import astuple, dataclass, fields
from typing import Literal

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
_WRITE = f"""
    SET LOCAL statement_timeout = '{_SECONDS}s';
    INSERT INTO ml.task_runs AS known ({", ".join(_COLUMNS)}) VALUES ({", ".join(["%s"] * len(_COLUMNS))})
    ON CONFLICT ({", ".join(_KEY)}) DO UPDATE SET
        {", ".join(f"{name} = excluded.{name}" for name in _COLUMNS if name not in _KEY)}
    WHERE known.try_number <= excluded.try_number
"""


def record(settings: Settings, run: TaskRun) -> None:
    """Note how a task stands; the row replaces that of the same try, or of an earlier one.

    Gives up within a few seconds. Raises :class:`ml.errors.Unavailable` or ``psycopg2.Error``.
    """
    with (
        connect(settings.database_url, application="ml-task-runs", connect_seconds=_SECONDS) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(_WRITE, astuple(run))
