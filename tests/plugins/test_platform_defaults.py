"""Defaults that all DAGs share."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace

import pytest
from airflow.sdk import RetryAction
from airflow.sdk.exceptions import AirflowSkipException
from platform_defaults import (
    RETRY_POLICY,
    cron,
    end_of_day,
    moment,
    report_failure,
    schedule,
    skip_without_production,
)

from ml.errors import (
    BundleRefused,
    ContractError,
    DriftDetected,
    FileRefused,
    NoProductionModel,
    NotEnoughData,
    Unavailable,
    ValidationFailed,
)

DUE = datetime(2026, 3, 1, 6, 0, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    "error",
    [
        FileRefused("a.csv", "cut off"),
        ValidationFailed("a.csv", 9, 10, 0.05, [], "report.html"),
        NotEnoughData("too few"),
        ContractError("contract.yaml", "no columns"),
        BundleRefused("m", "1", "corrupt"),
        DriftDetected("age"),
    ],
)
def test_an_error_that_the_same_input_brings_again_is_not_retried(error):
    assert RETRY_POLICY.evaluate(error, try_number=1, max_tries=2).action is RetryAction.FAIL


@pytest.mark.parametrize("error", [Unavailable("MLflow", "http://x", "refused"), OSError("disk"), MemoryError()])
def test_any_other_error_is_retried_as_the_task_says(error):
    assert RETRY_POLICY.evaluate(error, try_number=1, max_tries=2).action is RetryAction.DEFAULT


def test_a_run_stands_for_its_logical_date():
    logical_date = datetime(2026, 2, 1, tzinfo=UTC)

    assert moment({"logical_date": logical_date, "dag_run": SimpleNamespace(run_after=DUE)}) == logical_date


def test_a_run_without_a_logical_date_stands_for_when_it_was_due():
    assert moment({"dag_run": SimpleNamespace(run_after=DUE)}) == DUE


@pytest.mark.parametrize(
    "moment_", [DUE, datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 1, 23, 59, 59, tzinfo=UTC)]
)
def test_a_day_ends_at_the_midnight_after_it(moment_):
    assert end_of_day(moment_) == datetime(2026, 3, 2, tzinfo=UTC)


def test_days_are_those_of_utc():
    east = timezone(timedelta(hours=9))

    assert end_of_day(datetime(2026, 3, 2, 8, 0, tzinfo=east)) == datetime(2026, 3, 2, tzinfo=UTC)


def test_no_schedule_stays_none():
    assert schedule(None) is None


def test_a_new_dag_waits_for_its_next_time():
    assert cron("0 2 * * *").run_immediately == timedelta(0)


def test_without_a_production_model_a_task_is_skipped_and_says_why():
    with pytest.raises(AirflowSkipException, match="Model 'm' has no production version"), skip_without_production():
        raise NoProductionModel("m")


def test_a_failure_is_one_line_with_task_reason_owner_and_link(caplog):
    ti = SimpleNamespace(dag_id="d", task_id="t", run_id="r", log_url="http://airflow/log")
    context = {"ti": ti, "task": SimpleNamespace(owner="me"), "exception": DriftDetected("age moved")}

    with caplog.at_level(logging.ERROR):
        report_failure(context)

    assert caplog.messages == [
        "ALERT d.t in run r failed: age moved. Owner: me. What to do: the docs of the DAG. Log: http://airflow/log"
    ]
