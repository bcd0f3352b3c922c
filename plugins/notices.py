"""What people are told of a task that failed: which, why, whose it is, where to read on and what to do.

What is sent is not a template: an error may quote a file, and what looks like one there is not evaluated.
"""

from __future__ import annotations

import logging
from urllib.parse import quote

from airflow.sdk import DAG, BaseNotifier, Context
from airflow.sdk.configuration import conf
from failure_text import ERROR_LENGTH, KILLED, first_line
from notice_delivery import deliver

_log = logging.getLogger(__name__)
_RUNBOOK = "## When it is red"
_NAMED = 10


class FailureNotice(BaseNotifier):
    """Callback of a task: it failed for good. Raises nothing."""

    def notify(self, context: Context) -> None:
        """Send it."""
        ti, error = context["ti"], first_line(context.get("exception"), ERROR_LENGTH)
        run = f"{ti.run_id}, try {ti.try_number}"
        deliver(
            f"{ti.dag_id}.{_name(ti.task_id, ti.map_index)} failed",
            body(context["dag"], error, run=run, owner=context["task"].owner, log=ti.log_url),
        )


class KilledNotice(BaseNotifier):
    """Callback of a DAG: tasks of a run were killed, and so could not tell of it themselves. Raises nothing.

    Airflow calls it in the dag-processor, whenever a run has failed.
    """

    def notify(self, context: Context) -> None:
        """Send one notice for all of the run's, where there are any."""
        dag, run_id = context["dag"], context["run_id"]
        killed = _killed(dag.dag_id, run_id)
        if not killed:
            return
        names = [_name(task_id, map_index) for task_id, map_index in killed]
        listed = ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
        owner, link = dag.get_task(killed[0][0]).owner, _run_url(dag.dag_id, run_id)
        _log.error(
            "ALERT %s.%s in run %s failed: %s. Owner: %s. See %s", dag.dag_id, listed, run_id, KILLED, owner, link
        )
        deliver(f"{dag.dag_id}.{listed} failed", body(dag, KILLED, run=run_id, owner=owner, log=link))


def body(dag: DAG, error: str, *, run: str, owner: str, log: str) -> str:
    """The text, a line an item; ``error`` is one line."""
    lines = [error, "", f"Run: {run}", f"Owner: {owner}", f"Log: {log}"]
    steps = runbook(dag.doc_md)
    return "\n".join([*lines, "", "What to do:", steps] if steps else lines)


def runbook(doc: str | None) -> str:
    """What the docs of a DAG say to do when it is red; empty where they do not."""
    return (doc or "").partition(_RUNBOOK)[2].partition("\n## ")[0].strip()


def _killed(dag_id: str, run_id: str) -> list[tuple[str, int]]:
    try:
        from ml.settings import Settings
        from ml.task_runs import failed_with

        return failed_with(Settings(), dag_id, run_id, KILLED)
    except Exception as problem:  # it must not keep the run's other callbacks from being called
        _log.warning("Whether tasks of run %s were killed is not known: %s", run_id, first_line(problem, ERROR_LENGTH))
        return []


def _name(task_id: str, map_index: int | None) -> str:
    return task_id if map_index in (None, -1) else f"{task_id}[{map_index}]"


def _run_url(dag_id: str, run_id: str) -> str:
    return f"{conf.get('api', 'base_url', fallback='http://localhost:8080').rstrip('/')}/dags/{dag_id}/runs/{quote(run_id)}"
