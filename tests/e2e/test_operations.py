"""What the operator is told by a stack that runs: by notice, and in the tables that the platform's page reads."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psycopg2
import pytest

from stack.airflow_api import DagRun
from stack.config import StackConfig
from stack.environment import platform
from tests.e2e.conftest import CHURN, Stack
from tests.plugins.receivers import web_server

pytestmark = pytest.mark.stack

KILLED = "it ended without a word: its process was killed, or its machine is gone"


@pytest.fixture
def posted(stack: Stack, airflow: httpx.Client) -> Iterator[list[dict[str, Any]]]:
    """Notices, which the connection that people make in the UI brings here."""
    with web_server() as (port, received):
        config = json.dumps({"path": f"json://127.0.0.1:{port}/hook"})
        body = {"connection_id": "ml_alerts", "conn_type": "apprise", "extra": json.dumps({"config": config})}
        airflow.post("/api/v2/connections", json=body).raise_for_status()
        yield received
        airflow.delete("/api/v2/connections/ml_alerts").raise_for_status()


@pytest.fixture
def airflow(stack: Stack) -> Iterator[httpx.Client]:
    """Its REST API, as the user `admin`."""
    stack.mlp("up")
    url = stack.airflow.url
    login = {"username": "admin", "password": "admin"}
    token = httpx.post(f"{url}/auth/token", json=login, trust_env=False).json()["access_token"]
    with httpx.Client(
        base_url=url, trust_env=False, timeout=60, headers={"authorization": f"Bearer {token}"}
    ) as client:
        yield client


@pytest.fixture
def read(stack: Stack) -> Callable[..., list[tuple[Any, ...]]]:
    config = StackConfig(stack.state, stack.folder, airflow_port=0, mlflow_port=0, serving_port=0)

    def rows(statement: str, *values: object) -> list[tuple[Any, ...]]:
        connection = psycopg2.connect(platform(config)["ML_DATABASE_URL"])
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement, values)
                return cursor.fetchall()
        finally:
            connection.close()

    return rows


def until(holds: Callable[[], object], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.2)


def test_who_should_know_is_told_of_a_refused_file_and_what_to_do(stack, airflow, posted, read):
    landing = stack.folder / "use_cases" / CHURN / "landing"
    landing.mkdir(exist_ok=True)
    (landing / "none.csv").write_text("nonsense\n1\n")
    stack.airflow.wait_for_dag(f"{CHURN}_ingest")
    run, state = stack.drive(f"{CHURN}_ingest")
    assert state == "failed"
    (notice,) = posted
    assert notice["title"] == f"{CHURN}_ingest.report_rejected failed"
    assert notice["message"].startswith("none.csv refused, line 1: ")
    assert f"\nRun: {run.run_id}, try 1\n" in notice["message"]
    assert "- `report_rejected`: files were refused" in notice["message"]
    statement = "SELECT task_id, state, use_case, left(error, 16) FROM ml.task_runs WHERE run_id = %s ORDER BY task_id"
    assert read(statement, run.run_id) == [
        ("load", "success", CHURN, None),
        ("report_rejected", "failed", CHURN, "none.csv refused"),
    ]


def test_of_a_task_whose_process_is_killed_at_every_try_its_run_tells(stack, airflow, posted, read):
    run = stack.airflow.trigger("platform_maintenance", {})
    killed: set[int] = set()
    until(lambda: kill(airflow, read, run, killed) == "failed", 300)
    assert len(killed) == 3
    row = "SELECT state, try_number, error FROM ml.task_runs WHERE run_id = %s AND task_id = 'leftovers'"
    assert read(row, run.run_id) == [("failed", 3, KILLED)]
    until(lambda: posted, 60)
    assert [notice["title"] for notice in posted] == ["platform_maintenance.leftovers failed"]
    assert posted[0]["message"].startswith(KILLED)


def kill(airflow: httpx.Client, read: Callable[..., list[tuple[Any, ...]]], run: DagRun, killed: set[int]) -> str:
    """Kill the process of the task where it is known to run; returns the state of its run."""
    path = f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}"
    ti = airflow.get(f"{path}/taskInstances/leftovers").json()
    noted = "SELECT try_number FROM ml.task_runs WHERE run_id = %s AND task_id = 'leftovers' AND state = 'running'"
    if ti["state"] == "running" and ti["pid"] not in killed and read(noted, run.run_id) == [(ti["try_number"],)]:
        with suppress(OSError):
            if ti["id"] in Path(f"/proc/{ti['pid']}/cmdline").read_text():  # and no process that came after it
                os.kill(ti["pid"], signal.SIGKILL)
                killed.add(ti["pid"])
    return str(airflow.get(path).json()["state"])


def test_what_the_api_answers_is_noted_within_about_a_minute(stack, airflow, read):
    count = "SELECT coalesce(sum(requests), 0) FROM ml.serving_traffic WHERE endpoint = 'batch'"
    ((before,),) = read(count)
    url = f"http://127.0.0.1:{stack.environment['ML_SERVING_PORT']}/v1/predict/batch"
    for _ in range(3):
        httpx.post(url, json={"inputs": []}, trust_env=False)
    until(lambda: read(count) == [(before + 3,)], 90)
