"""What became of the platform's tasks, in ``ml.task_runs``: real tasks, a real database."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from types import SimpleNamespace

import psycopg2
import pytest
from failure_text import KILLED
from run_listener import RunListener, owner_of

from ml.task_runs import TaskRun, failed_with, settle
from tests.conftest import REPOSITORY
from tests.plugins.receivers import web_server

DUE = dt.datetime(2026, 3, 1, 6, tzinfo=dt.UTC)
NOWHERE = "postgresql:///nowhere?host=/nowhere"

DAG_FILE = """
from datetime import timedelta

from airflow.sdk import DAG, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException
from platform_defaults import default_args_of


def dag(dag_id):
    return DAG(dag_id, schedule=None, default_args=default_args_of("shop-team"), doc_md="## When it is red\\n- Look.")


with dag("customer_churn_score"):

    @task
    def listed() -> list[int]:
        return [1, 2]

    @task
    def half(number: int) -> float:
        return number / 2

    @task
    def skipped(found) -> None:
        raise AirflowSkipException("nothing to do")

    @task(retry_delay=timedelta(0))
    def second_try(found) -> None:
        if get_current_context()["ti"].try_number == 1:
            raise OSError("a disk is away")

    @task(retries=0)
    def refused(found) -> None:
        from ml.errors import FileRefused

        raise FileRefused("a.csv", "cut off at byte 9\\nnot shown")

    halves = half.expand(number=listed())
    skipped(halves)
    second_try(halves)
    refused(halves)

with dag("platform_check"):
    task(lambda: None, task_id="done")()

with dag("somebodys_own"):
    task(lambda: None, task_id="done")()
"""


@pytest.fixture
def read(database_url):
    def rows(columns="dag_id, task_id, map_index, state"):
        connection = psycopg2.connect(database_url)
        try:
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT {columns} FROM ml.task_runs ORDER BY dag_id, task_id, map_index")
                return cursor.fetchall()
        finally:
            connection.close()

    return rows


@pytest.fixture
def run_dags(tmp_path):
    """Runs them with the environment given; returns the states that Airflow has, and what was logged."""
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "shop.py").write_text(DAG_FILE)

    def run(**environment):
        given = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "ML_"))}
        given |= {
            "PYTHONPATH": f"{REPOSITORY}{os.pathsep}{REPOSITORY / 'plugins'}",
            "ML_USE_CASES_DIR": str(REPOSITORY / "tests" / "use_cases"),
            **environment,
        }
        done = subprocess.run(
            [sys.executable, "-m", "tests.plugins.dag_run", str(tmp_path)],
            cwd=REPOSITORY, env=given, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        states = [json.loads(line.removeprefix("STATE")) for line in done.stdout.splitlines() if "STATE [" in line]
        return sorted(map(tuple, states)), done.stdout + done.stderr

    return run


@pytest.fixture
def listener(database_url, monkeypatch):
    monkeypatch.setenv("ML_DATABASE_URL", database_url)
    monkeypatch.setenv("ML_USE_CASES_DIR", str(REPOSITORY / "tests" / "use_cases"))
    return RunListener()


def instance(**changed):
    """A task instance as the scheduler and the api-server have it."""
    values = {
        "dag_id": "customer_churn_ingest", "run_id": "r1", "task_id": "load", "map_index": -1, "try_number": 1,
        "state": "running", "run_after": DUE, "start_date": DUE, "end_date": None,
    }  # fmt: skip
    return SimpleNamespace(**values | changed)


@pytest.mark.slow
def test_each_task_of_the_platforms_dags_is_noted_and_who_should_know_is_told_of_the_one_that_failed(
    run_dags, read, database_url
):
    with web_server() as (port, posted):
        alerts = {"conn_type": "apprise", "extra": {"config": {"path": f"json://127.0.0.1:{port}"}}}
        states, log = run_dags(ML_DATABASE_URL=database_url, AIRFLOW_CONN_ML_ALERTS=json.dumps(alerts))
    assert states == [
        ("customer_churn_score", "half", 0, "success"),
        ("customer_churn_score", "half", 1, "success"),
        ("customer_churn_score", "listed", -1, "success"),
        ("customer_churn_score", "refused", -1, "failed"),
        ("customer_churn_score", "second_try", -1, "success"),
        ("customer_churn_score", "skipped", -1, "skipped"),
        ("platform_check", "done", -1, "success"),
        ("somebodys_own", "done", -1, "success"),
    ]
    assert read() == states[:-1]
    error = "a.csv refused: cut off at byte 9"
    assert read("task_id, use_case, try_number, error")[3:] == [
        ("refused", "customer_churn", 1, error),
        ("second_try", "customer_churn", 2, None),
        ("skipped", "customer_churn", 1, None),
        ("done", None, 1, None),
    ]
    assert read("started_at <= ended_at AND run_after <= ended_at AND run_id LIKE 'manual__%'") == [(True,)] * 7
    assert [p["title"] for p in posted] == ["customer_churn_score.refused failed"]
    assert posted[0]["message"].startswith(f"{error}\n\nRun: manual__")
    assert posted[0]["message"].endswith("What to do:\n- Look.")
    assert "ALERT customer_churn_score.refused in run manual__" in log


@pytest.mark.slow
def test_without_the_database_the_tasks_end_as_they_would_and_their_logs_say_it(run_dags):
    states, log = run_dags(ML_DATABASE_URL=NOWHERE)
    assert [state for *_, state in states].count("success") == 6
    assert "How a task stands is not noted in ml.task_runs: Postgres at postgresql:///nowhere" in log
    assert "error calling listener" not in log


def test_a_task_that_will_be_tried_again_is_no_failure_yet_and_its_next_try_replaces_it(listener, read):
    columns = "state, try_number, error, started_at, ended_at"
    end = DUE + dt.timedelta(minutes=1)
    listener.on_task_instance_running(instance())
    assert read(columns) == [("running", 1, None, DUE, None)]
    listener.on_task_instance_failed(instance(state="up_for_retry", end_date=end), OSError("disk"))
    assert read(columns) == [("up_for_retry", 1, "OSError: disk", DUE, end)]
    listener.on_task_instance_running(instance(try_number=2, start_date=end))
    assert read(columns) == [("running", 2, None, end, None)]
    listener.on_task_instance_success(instance(try_number=2, start_date=end, end_date=end))
    assert read(columns) == [("success", 2, None, end, end)]


def test_what_an_earlier_try_says_late_changes_nothing(listener, read):
    listener.on_task_instance_running(instance(try_number=2))
    listener.on_task_instance_failed(instance(state="failed"), "killed")
    assert read("state, try_number") == [("running", 2)]


def test_a_task_that_a_person_marked_is_noted_with_that(listener, read):
    listener.on_task_instance_failed(instance(state="failed"), "TaskInstance's state was manually set to `failed`.")
    assert read("state, error") == [("failed", "TaskInstance's state was manually set to `failed`.")]


def ended(settings, **changed):
    """What the scheduler finds at the end of a run."""
    end = DUE + dt.timedelta(minutes=2)
    values = {
        "use_case": "customer_churn", "dag_id": "customer_churn_ingest", "run_id": "r1", "task_id": "load",
        "map_index": -1, "try_number": 1, "state": "failed", "error": None, "run_after": DUE, "started_at": DUE,
        "ended_at": end,
    }  # fmt: skip
    settle(settings, [TaskRun(**values | changed)], unexplained=KILLED)


def test_a_task_that_was_killed_is_found_failed_at_the_end_of_its_run(listener, settings, read):
    listener.on_task_instance_running(instance())
    ended(settings)
    assert read("state, error, ended_at") == [("failed", KILLED, DUE + dt.timedelta(minutes=2))]
    assert failed_with(settings, "customer_churn_ingest", "r1", KILLED) == [("load", -1)]
    assert failed_with(settings, "customer_churn_ingest", "r2", KILLED) == []


def test_one_killed_before_it_could_say_that_it_runs_is_found_too(listener, settings, read):
    listener.on_task_instance_failed(instance(state="up_for_retry", end_date=DUE), OSError("disk"))
    ended(settings, try_number=2)
    assert read("state, try_number, error") == [("failed", 2, KILLED)]


def test_what_a_task_said_of_its_end_stays(listener, settings, read):
    listener.on_task_instance_failed(instance(state="failed", end_date=DUE), OSError("disk"))
    ended(settings)
    assert read("state, error") == [("failed", "OSError: disk")]


def test_what_ended_while_the_database_was_away_is_noted_at_the_end_of_the_run(listener, settings, read):
    listener.on_task_instance_running(instance())
    ended(settings, state="success")
    ended(settings, task_id="report", state="skipped")
    ended(settings, task_id="other")
    assert read("task_id, state, error") == [
        ("load", "success", None), ("other", "failed", None), ("report", "skipped", None)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("dag_id", "owner"),
    [
        ("bank_marketing_train", "bank_marketing"),
        ("bank_train", "bank"),
        ("platform_maintenance", "platform"),
        ("bankmarketing_train", None),
    ],
)
def test_a_dag_is_of_the_use_case_whose_whole_name_its_id_begins_with(monkeypatch, tmp_path, dag_id, owner):
    for name in ("bank", "bank_marketing"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "contract.yaml").touch()
    monkeypatch.setenv("ML_USE_CASES_DIR", str(tmp_path))
    assert owner_of(dag_id) == owner
