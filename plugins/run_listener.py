"""Notes each task of the platform's DAGs in ``ml.task_runs``, for the platform's page and metrics.

Airflow calls it in the task's own process; for a task that was killed in the scheduler's, for one that a person
marked in the api-server's. What goes wrong here is a warning in the log and nothing to the task.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
from failure_text import first_line
from platform_use_cases import use_cases_dir

from ml.use_case import discover

if TYPE_CHECKING:
    from airflow.models.taskinstance import TaskInstance

    from ml.task_runs import State

    Ti = RuntimeTaskInstance | TaskInstance

_log = logging.getLogger(__name__)
_OF_NO_USE_CASE = "platform"
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
        """It skipped itself; one that the scheduler skips never runs, and is not noted."""
        _note(task_instance, "skipped")

    @hookimpl
    def on_task_instance_failed(self, task_instance: Ti, error: object) -> None:
        """It failed, for good or until its next try."""
        again = task_instance.state == "up_for_retry"
        _note(task_instance, "up_for_retry" if again else "failed", error)


class RunListenerPlugin(AirflowPlugin):
    """Makes Airflow call the listener."""

    name = "platform_runs"
    listeners = [RunListener()]  # noqa: RUF012  as Airflow declares it


def use_case_of(dag_id: str) -> str | None:
    """The use case that a DAG is of; ``None`` for those of the platform. Raises ``LookupError`` for any other."""
    known = [use_case.name for use_case in discover(use_cases_dir())]
    names = [name for name in known if dag_id.startswith(f"{name}_")]
    if names:
        return max(names, key=len)
    if dag_id.startswith(f"{_OF_NO_USE_CASE}_"):
        return None
    raise LookupError(dag_id)


def _note(ti: Ti, state: State, error: object = None) -> None:
    try:
        use_case = use_case_of(ti.dag_id)
    except LookupError:  # a DAG that is not the platform's
        return
    try:
        from ml.settings import Settings
        from ml.task_runs import TaskRun, record

        run = TaskRun(
            use_case=use_case,
            dag_id=ti.dag_id,
            run_id=ti.run_id,
            task_id=ti.task_id,
            map_index=-1 if ti.map_index is None else ti.map_index,
            try_number=ti.try_number,
            state=state,
            error=None if error is None else first_line(error, _ERROR_LENGTH),
            run_after=_run_after(ti),
            started_at=ti.start_date,
            # Airflow gives none to a task that skips itself.
            ended_at=None if state == "running" else ti.end_date or datetime.now(UTC),
        )
        record(Settings(), run)
    except Exception as problem:  # whatever it is, the task has nothing to do with it
        _log.warning("%s of this task is not noted in ml.task_runs: %s", state, first_line(problem, _ERROR_LENGTH))


def _run_after(ti: Ti) -> datetime:
    run = ti.get_template_context()["dag_run"] if isinstance(ti, RuntimeTaskInstance) else ti
    due: datetime = run.run_after
    return due
