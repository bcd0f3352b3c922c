"""The same DAGs on two Celery workers: a large batch equals that of one process; a killed worker loses nothing."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.compose.conftest import USE_CASE
from tests.compose.stack import until
from tests.compose.test_outages import TRAIN, fit_is_running, versions

ROWS = 2_000_000
FILE = "/var/lib/platform/large.csv"
NOW = datetime.now(UTC).replace(microsecond=0)

ONE_PROCESS = """
import datetime as dt, json, time
from dataclasses import asdict
from pathlib import Path
from ml.score import score_file
from ml.settings import Settings
from ml.use_case import load_use_case
began = time.monotonic()
settings = Settings()
use_case = load_use_case(settings.use_cases_dir, "{use_case}")
summary = score_file(settings, use_case, Path("{file}"), as_of=dt.datetime.fromisoformat("{as_of}"))
print(json.dumps(asdict(summary) | {{"seconds": time.monotonic() - began}}))
"""
SAME_FILES = """
import pyarrow.parquet as pq
one, many = (pq.ParquetFile(p) for p in ({one!r}, {many!r}))
assert one.num_row_groups == many.num_row_groups, (one.num_row_groups, many.num_row_groups)
for n in range(one.num_row_groups):
    a, b = (f.read_row_group(n).drop_columns(["_inference_id"]) for f in (one, many))
    assert a.equals(b), n
print(one.metadata.num_rows)
"""


@pytest.fixture(scope="module")
def workers(stack, production):
    """The same stack and data, its tasks on two workers."""
    celery = {"COMPOSE_PROFILES": "celery", "AIRFLOW_EXECUTOR": "CeleryExecutor"}
    stack.environment |= celery
    with stack.step("up again, with two Celery workers"):
        stack.compose("up", "--detach", "--wait", "--no-build", "--scale", "airflow-worker=2")
    yield stack
    for name in celery:
        del stack.environment[name]


@pytest.fixture(scope="module")
def large_file(workers, data):
    header, _, rows = data.read_bytes().partition(b"\n")
    times = -(-ROWS // rows.count(b"\n"))
    content = b"\n".join([header, *[rows.rstrip(b"\n")] * times]) + b"\n"
    path = workers.folder / "large.csv"
    path.write_bytes(content)
    with path.open("rb") as file:
        workers.compose("exec", "-T", "airflow-scheduler", "sh", "-c", f"cat >{FILE}", stdin=file)
    path.unlink()
    return times * rows.count(b"\n")


def python(stack, script):
    return stack.compose("exec", "-T", "airflow-worker", "python", "-c", script).stdout.splitlines()[-1]


def checksum(stack, as_of):
    """Of keys, answers and inputs, whatever their order."""
    row = "hashtextextended(ROW(row_key, model_version, prediction, probability)::text, 0)::numeric"
    logged = "hashtextextended(ROW(row_key, model_version, prediction, probability, input)::text, 0)::numeric"
    return stack.sql(
        "ml",
        f"SELECT count(*), sum({row}) FROM {USE_CASE}.predictions WHERE logical_date = '{as_of}';"
        f"SELECT count(*), sum({logged}) FROM ml.inference_logs WHERE timestamp = '{as_of}'",
    )


def test_two_million_rows_on_two_workers_are_what_one_process_makes_of_them(workers, large_file):
    airflow = workers.airflow
    alone, together = ((NOW - timedelta(days=days)).isoformat() for days in (4, 3))
    with workers.step(f"score {large_file} rows, two workers"):
        run, state = workers.drive(f"{USE_CASE}_score", seconds=1500, file=FILE, as_of=together)
    assert state == "success"
    many = airflow.returned(run, "collect")
    tasks = airflow._call("GET", f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances")["task_instances"]
    hosts = {t["hostname"]: 0 for t in tasks if t["task_id"] == "predict"}
    for task in tasks:
        hosts[task["hostname"]] = hosts.get(task["hostname"], 0) + (task["task_id"] == "predict")
    print(f"\n  compose: partitions on each worker: {sorted(hosts.values())}")
    assert sum(count > 0 for count in hosts.values()) == 2
    with workers.step("the same by one process"):
        one = json.loads(python(workers, ONE_PROCESS.format(use_case=USE_CASE, file=FILE, as_of=alone)))
    assert many["rows_scored"] == one["rows_scored"] == many["rows_new"] == one["rows_new"] == large_file >= ROWS
    assert checksum(workers, together) == checksum(workers, alone)
    assert python(workers, SAME_FILES.format(one=one["output"], many=many["output"])) == str(large_file)


def test_a_worker_killed_in_mid_training_yields_exactly_one_version(workers):
    airflow, before = workers.airflow, set(versions(workers))
    run = airflow.trigger(TRAIN, {})
    fit_is_running(airflow, run)
    time.sleep(8)
    path = f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/fit"
    host = airflow._call("GET", path)["hostname"]
    number = next(n for n in (1, 2) if json.loads(workers.docker("inspect", workers.container("airflow-worker", n)))[0][
        "Config"]["Hostname"] == host)  # fmt: skip
    with workers.step("training, its Celery worker killed in the middle"):
        workers.kill("airflow-worker", number)
        assert airflow.wait(run, seconds=900) == "success"
    workers.start("airflow-worker", number)
    assert len(set(versions(workers)) - before) == 1
    assert airflow._call("GET", path)["hostname"] != host, "the other worker did it"
    until(lambda: workers.is_healthy("airflow-worker", number), 120, "the worker is back")
