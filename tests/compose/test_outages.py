"""A container is killed at the worst moment: the run ends right, nothing is lost (T2, T4, S2, S9, S10, P3)."""

from __future__ import annotations

import hashlib
import json
import time

import pytest

from tests.compose.conftest import MODEL, USE_CASE
from tests.compose.stack import until
from tests.conftest import REPOSITORY
from tests.faults.load import load

EXAMPLE = json.loads((REPOSITORY / "data" / USE_CASE / "example_request.json").read_text())
TRAIN = f"{USE_CASE}_train"
AWAY_SECONDS = 30


def versions(stack):
    found = stack.mlflow.get("/api/2.0/mlflow/model-versions/search", params={"filter": f"name='{MODEL}'"}).json()
    return {str(v["version"]): v for v in found.get("model_versions", [])}


def running_runs(stack):
    experiments = stack.mlflow.post("/api/2.0/mlflow/experiments/search", json={"max_results": 100}).json()[
        "experiments"
    ]
    body = {
        "experiment_ids": [e["experiment_id"] for e in experiments],
        "filter": "attributes.status = 'RUNNING'", "max_results": 100,
    }  # fmt: skip
    return stack.mlflow.post("/api/2.0/mlflow/runs/search", json=body).json().get("runs", [])


def state_of(airflow, run, task):
    return airflow._call("GET", f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/{task}")["state"]


def fit_is_running(airflow, run):
    until(lambda: state_of(airflow, run, "fit") == "running", 120, "the training runs")


def asked(stack):
    return load(stack.url("ML_SERVING_PORT"), EXAMPLE, connections=4, pause=0.01, key=stack.secrets["SERVING_API_KEY"])


def in_table(stack):
    return stack.sql("ml", "SELECT inference_id FROM ml.inference_logs WHERE source = 'online' ORDER BY 1").split()


def all_in_table(stack, outcome):
    """Each acknowledged id, once; the spool is replayed within seconds."""
    ids = set(outcome.acknowledged)
    seconds = until(lambda: ids <= set(in_table(stack)), 60, "every acknowledged id is in the table")
    there = in_table(stack)
    assert len(there) == len(set(there))
    return seconds


@pytest.fixture(scope="module")
def second(stack, production):
    """Another version, whose training lost its scheduler, and so itself, in the middle."""
    airflow, before = stack.airflow, set(versions(stack))
    run = airflow.trigger(TRAIN, {})
    fit_is_running(airflow, run)
    time.sleep(8)
    with stack.step("training, scheduler killed in the middle"):
        stack.kill("airflow-scheduler")
        time.sleep(3)
        stack.start("airflow-scheduler")
        assert airflow.wait(run, seconds=900) == "success"
    (version,) = set(versions(stack)) - before
    return version


def test_a_scheduler_killed_in_mid_training_yields_exactly_one_version(stack, second):
    assert stack.sql("ml", f"SELECT count(*) FROM ml.training_data WHERE model_version = '{second}'") == "1"
    print(f"\n  compose: MLflow runs left RUNNING by the kill: {len(running_runs(stack))}")


def test_a_promotion_and_a_rollback_under_load_fail_no_request(stack, production, second):
    with asked(stack) as outcome:
        time.sleep(2)
        for version in (second, production):
            stack.promote(version, MODEL)
            seconds = until(lambda v=version: stack.served() == v, 30, f"version {version} is served")
            print(f"\n  compose: version {version} served after {seconds:.1f} s")
            time.sleep(3)
    print(f"  compose: promotion and rollback: {dict(outcome.statuses)}, {outcome.cut} cut, {outcome.refused} refused")
    assert set(outcome.statuses) == {200}
    assert (outcome.cut, outcome.refused) == (0, 0)
    assert {str(r.body["model_version"]) for r in outcome.replies} == {production, second}
    all_in_table(stack, outcome)


def test_postgres_killed_under_load_fails_no_prediction_and_loses_none(stack, production):
    with stack.step(f"Postgres away for {AWAY_SECONDS} s"), asked(stack) as outcome:
        time.sleep(3)
        stack.kill("postgres")
        time.sleep(AWAY_SECONDS)
        stack.start("postgres")
        until(lambda: stack.is_healthy("postgres"), 60, "Postgres is healthy")
        time.sleep(3)
    seconds = all_in_table(stack, outcome)
    print(
        f"  compose: Postgres away: {dict(outcome.statuses)}, {outcome.cut} cut; all in the table {seconds:.1f} s later"
    )
    assert set(outcome.statuses) == {200}
    assert outcome.cut == 0
    for service in ("airflow-api", "airflow-scheduler", "airflow-dag-processor", "mlflow"):
        until(lambda s=service: stack.is_healthy(s), 180, f"{service} is healthy again")
    _, state = stack.drive("platform_maintenance")
    assert state == "success"


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_the_api_ended_under_load_loses_no_prediction_it_gave(stack, production, how):
    with asked(stack) as outcome:
        time.sleep(2)
        stack.docker(how, stack.container("serving"))
        stack.start("serving")
        until(lambda: stack.served() == production, 60, "it serves again")
        time.sleep(1)
    all_in_table(stack, outcome)
    print(f"\n  compose: serving, {how}: {dict(outcome.statuses)}, {outcome.cut} cut, {outcome.refused} refused")
    assert set(outcome.statuses) <= {200, 503}
    assert outcome.statuses[503] == 0 or how == "kill"


def test_an_object_store_killed_in_mid_upload_leaves_no_version_that_is_not_whole(stack, production):
    airflow, before = stack.airflow, set(versions(stack))
    known = keys(stack)
    run = airflow.trigger(TRAIN, {})
    fit_is_running(airflow, run)
    with stack.step("training, object store killed in mid-upload"):
        until(lambda: keys(stack) - known, 300, "the upload began")
        stack.kill("seaweedfs")
        time.sleep(15)
        stack.start("seaweedfs")
        until(lambda: stack.is_healthy("seaweedfs"), 60, "the object store is healthy")
        assert airflow.wait(run, seconds=900) == "success"
    new = set(versions(stack)) - before
    print(f"\n  compose: versions made: {sorted(new)}; MLflow runs left RUNNING: {len(running_runs(stack))}")
    assert len(new) == 1
    for version in versions(stack).values():
        assert_whole(stack, version)


def keys(stack):
    pages = stack.s3.get_paginator("list_objects_v2").paginate(Bucket="mlflow")
    return {entry["Key"] for page in pages for entry in page.get("Contents", ())}


def assert_whole(stack, version):
    def file(name):
        reply = stack.mlflow.get("/get-artifact", params={"run_id": version["run_id"], "path": f"serving/{name}"})
        return reply.raise_for_status().content

    manifest = file("manifest.json")
    tags = {tag["key"]: tag["value"] for tag in version["tags"]}
    assert hashlib.sha256(manifest).hexdigest() == tags["bundle_sha256"]
    assert hashlib.sha256(file("model.onnx")).hexdigest() == json.loads(manifest)["onnx_sha256"]
