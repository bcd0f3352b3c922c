"""What all DAGs share: who owns them, when a task is tried again, what a failure says, the assets between them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import Asset, Context, CronTriggerTimetable, ExceptionRetryPolicy, RetryAction, RetryRule
from airflow.sdk.exceptions import AirflowSkipException
from failure_text import ERROR_LENGTH, first_line
from notices import FailureNotice

from ml.errors import ConfigError, DataError, DriftDetected, ModelError, NoProductionModel, PerformanceFell
from ml.use_case import UseCase

_log = logging.getLogger(__name__)

RETRY_POLICY = ExceptionRetryPolicy(
    rules=[
        RetryRule(
            exception=[ConfigError, DataError, ModelError, DriftDetected, PerformanceFell],
            action=RetryAction.FAIL,
            reason="the same input fails again: not retried",
        )
    ]
)
"""An error of the platform's own that time does not cure fails at once; anything else is tried again."""


def default_args(use_case: UseCase) -> dict[str, Any]:
    """Arguments of every task of a use case's DAGs."""
    return default_args_of(use_case.config.owner)


def default_args_of(owner: str) -> dict[str, Any]:
    """Arguments of every task of that owner.

    Three tries within about a minute ride out a restart of a service; an outage that lasts
    is red soon enough to be seen.
    """
    return {
        "owner": owner,
        "retries": 2,
        "retry_delay": timedelta(seconds=20),
        "retry_policy": RETRY_POLICY,
        "execution_timeout": timedelta(minutes=30),
        "on_failure_callback": [report_failure, FailureNotice()],
    }


def cron(expression: str) -> CronTriggerTimetable:
    """A schedule in UTC. A DAG new to Airflow waits for the next time; one that was down makes up for the last."""
    return CronTriggerTimetable(expression, timezone="UTC", run_immediately=timedelta(0))


def schedule(expression: str | None) -> CronTriggerTimetable | None:
    """The schedule of ``model.yaml``; ``None`` means by hand only."""
    return None if expression is None else cron(expression)


def raw(use_case: UseCase) -> Asset:
    """The table of loaded rows, not yet judged."""
    return Asset(f"{use_case.name}.raw")


def features(use_case: UseCase) -> Asset:
    """The table of rows that keep the contract."""
    return Asset(f"{use_case.name}.features")


def moment(context: Context) -> datetime:
    """The time a run stands for, the same however often it is repeated.

    Its logical date, or, for a run without one (by an asset, or by hand), when it was due.
    """
    return context.get("logical_date") or context["dag_run"].run_after


def end_of_day(day: datetime) -> datetime:
    """The midnight (UTC) that ends the day."""
    midnight = day.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + timedelta(days=1)


@contextmanager
def skip_without_production() -> Iterator[None]:
    """Before the first promotion there is nothing to do: the task is skipped, not red."""
    try:
        yield
    except NoProductionModel as nothing:
        raise AirflowSkipException(str(nothing)) from nothing


def report_failure(context: Context) -> None:
    """One line in the log for whoever is on duty: what failed, why, whose it is, where to read on."""
    ti = context["ti"]
    _log.error(
        "ALERT %s.%s in run %s failed: %s. Owner: %s. What to do: the docs of the DAG. Log: %s",
        ti.dag_id, ti.task_id, ti.run_id, first_line(context.get("exception"), ERROR_LENGTH).rstrip("."),
        context["task"].owner, ti.log_url,
    )  # fmt: skip
