"""Notes each task of the platform's DAGs in ``ml.task_runs``, for the platform's page and metrics.

Airflow calls it in the task's own process, for one that a person marked in the api-server's, at the end of a run in the
scheduler's. What goes wrong here is a warning in the log and nothing to the task.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
from failure_text import KILLED, first_line
from platform_use_cases import use_cases_dir

from ml.use_case import discover

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance

    from ml.task_runs import State, TaskRun

    Ti = RuntimeTaskInstance | TaskInstance

_log = logging.getLogger(__name__)
_PLATFORM = "platform"
_ENDED: tuple[State, ...] = ("success", "failed", "skipped")
_ERROR_LENGTH = 500


class RunListener:
    """What Airflow calls; a task instance is the Task SDK's or, outside of tasks, the metadata database's."""

    @hookimpl
    def on_task_instance_running(self, task_instance: Ti) -> None:
        """It started."""
        _note(task_instance, "running")

    @hookimpl
    def on_task_instance_success(self, task_instance: Ti) -> None:
        """It succeeded."""
        _note(task_instance, "success")

    @hookimpl
    def on_task_instance_skipped(self, task_instance: Ti) -> None:
        """It skipped itself."""
        _note(task_instance, "skipped")

    @hookimpl
    def on_task_instance_failed(self, task_instance: Ti, error: object) -> None:
        """It failed, for good or until its next try."""
        again = task_instance.state == "up_for_retry"
        _note(task_instance, "up_for_retry" if again else "failed", error)

    @hookimpl
    def on_dag_run_success(self, dag_run: DagRun) -> None:
        """All its tasks ended."""
        _settle(dag_run)

    @hookimpl
    def on_dag_run_failed(self, dag_run: DagRun) -> None:
        """All its tasks ended, and one of them failed."""
        _settle(dag_run)


class RunListenerPlugin(AirflowPlugin):
    """Makes Airflow call the listener."""

    name = "platform_runs"
    listeners = [RunListener()]  # noqa: RUF012  as Airflow declares it


def owner_of(dag_id: str) -> str | None:
    """Whose DAG it is: a use case's, by its name, or ``platform``'s; ``None`` for one that somebody else added."""
    names = [name for name in (_PLATFORM, *_use_cases()) if dag_id.startswith(f"{name}_")]
    return max(names, key=len, default=None)


def _use_cases() -> list[str]:
    return [use_case.name for use_case in discover(use_cases_dir())]


def _note(ti: Ti, state: State, error: object = None) -> None:
    with _harmless():
        from ml.settings import Settings
        from ml.task_runs import record

        if owner := owner_of(ti.dag_id):
            record(Settings(), _task_run(owner, ti, state, error))


def _settle(dag_run: DagRun) -> None:
    """What a killed task could not say itself: Airflow calls no listener for it."""
    with _harmless():
        from sqlalchemy.orm import object_session

        from ml.settings import Settings
        from ml.task_runs import settle

        owner = owner_of(dag_run.dag_id)
        session = object_session(dag_run)  # one made anew within the scheduler's loop would commit what that is at
        if owner and session:
            tis = [ti for ti in dag_run.get_task_instances(session=session) if ti.start_date]
            ended = [_task_run(owner, ti, state) for ti in tis for state in _ENDED if ti.state == state]
            settle(Settings(), ended, unexplained=KILLED)


@contextmanager
def _harmless() -> Iterator[None]:
    try:
        yield
    except Exception as problem:  # whatever it is, task and scheduler have nothing to do with it
        _log.warning("How a task stands is not noted in ml.task_runs: %s", first_line(problem, _ERROR_LENGTH))


def _task_run(owner: str, ti: Ti, state: State, error: object = None) -> TaskRun:
    from ml.task_runs import TaskRun

    run = ti.get_template_context()["dag_run"] if isinstance(ti, RuntimeTaskInstance) else ti
    return TaskRun(
        use_case=None if owner == _PLATFORM else owner,
        dag_id=ti.dag_id,
        run_id=ti.run_id,
        task_id=ti.task_id,
        map_index=-1 if ti.map_index is None else ti.map_index,
        try_number=ti.try_number,
        state=state,
        error=None if error is None else first_line(error, _ERROR_LENGTH),
        run_after=run.run_after,
        started_at=ti.start_date,
        # Airflow gives none to a task that skips itself.
        ended_at=None if state == "running" else ti.end_date or datetime.now(UTC),
    )
