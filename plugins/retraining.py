"""The training that a check asks for: started once, beside the alarm, and noted with the check."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import TriggerRule, XComArg, task

from ml.use_case import UseCase


def start_retraining(
    use_case: UseCase, verdict: XComArg, *, name: str, note: Callable[[dict[str, Any], str], None]
) -> None:
    """Add the tasks that start ``train`` where the verdict's ``retrain`` says so.

    ``name`` is the run's, with fields of the verdict in braces: the same check names the same run, which exists once.
    ``note`` is called with the verdict and that name, in a task of its own, once the run is there.
    """

    @task.short_circuit
    def retraining_wanted(verdict: dict[str, Any]) -> str | None:
        return name.format_map(verdict) if verdict["retrain"] else None

    @task(trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS)
    def record(verdict: dict[str, Any], training_run: str) -> None:
        note(verdict, training_run)

    training_run = retraining_wanted(verdict)  # type: ignore[arg-type]
    start_training = TriggerDagRunOperator(
        task_id="start_training",
        trigger_dag_id=f"{use_case.name}_train",
        trigger_run_id=training_run,  # type: ignore[arg-type]
        logical_date=None,
        skip_when_already_exists=True,
    )
    start_training >> record(verdict, training_run)  # type: ignore[arg-type]
