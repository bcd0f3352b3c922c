"""The main job on the stack of containers, over HTTP only."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from stack.airflow_api import DagRun
from tests.compose.conftest import BUCKET, MODEL, USE_CASE
from tests.conftest import REPOSITORY

EXAMPLE = json.loads((REPOSITORY / "data" / USE_CASE / "example_request.json").read_text())
NOW = datetime.now(UTC)


def window(as_of):
    return {
        "window_start": (as_of - timedelta(hours=1)).isoformat(),
        "window_end": (as_of + timedelta(hours=1)).isoformat(),
    }


def test_the_landing_object_was_put_away(stack, production):
    listed = stack.s3.list_objects_v2(Bucket=BUCKET)["Contents"]
    assert [e["Key"].rsplit("/", 1)[0] for e in listed] == [f"{USE_CASE}/done"]


def test_artifacts_and_logs_of_tasks_lie_in_the_object_store(stack, production):
    artifacts = [e["Key"] for e in stack.s3.list_objects_v2(Bucket="mlflow")["Contents"]]
    assert any(key.endswith("/serving/model.onnx") for key in artifacts)
    logs = [e["Key"] for e in stack.s3.list_objects_v2(Bucket="airflow-logs")["Contents"]]
    assert any(f"dag_id={USE_CASE}_train" in key for key in logs)
    airflow = stack.airflow
    train = airflow.runs(f"{USE_CASE}_train")[-1]
    assert "version" in airflow.log(train, "fit", lines=400), "the page of the task shows what lies there"


def test_the_api_predicts_with_a_key_and_logs_what_it_said(stack, production):
    with stack.step("predict"):
        reply = stack.serving.post("/predict", json=EXAMPLE)
    assert reply.status_code == 200, reply.text
    answer = reply.json()
    assert str(answer["model_version"]) == production
    logged = stack.sql(
        "ml", f"SELECT prediction FROM ml.inference_logs WHERE inference_id = '{answer['inference_id']}'"
    )
    assert logged == str(answer["class"])


def test_scoring_like_the_training_data_has_not_drifted_and_the_last_months_have(stack, production):
    airflow, like_training, shifted = stack.airflow, NOW - timedelta(days=2), NOW - timedelta(days=1)
    with stack.step("score all"):
        run, state = stack.drive(f"{USE_CASE}_score", as_of=like_training.isoformat())
    assert state == "success"
    assert airflow.returned(run, "collect")["rows_scored"] == 45211
    with stack.step("drift, like training"):
        _, state = stack.drive(f"{USE_CASE}_drift", **window(like_training))
    assert state == "success"
    with stack.step("score the last months"):
        _, state = stack.drive(f"{USE_CASE}_score", as_of=shifted.isoformat(), start="2010-06-01")
    assert state == "success"
    with stack.step("drift, last months: red"):
        run, state = stack.drive(f"{USE_CASE}_drift", **window(shifted))
    assert (state, airflow.failed_tasks(run)) == ("failed", ["alert"])
    verdict = airflow.returned(run, "check")
    assert "month" in {found["column"] for found in verdict["drifted"]}
    with stack.step("retrain, by the drift"):
        assert airflow.wait(DagRun(f"{USE_CASE}_train", f"drift_report_{verdict['report_id']}")) == "success"
    versions = stack.mlflow.get("/api/2.0/mlflow/model-versions/search", params={"filter": f"name='{MODEL}'"}).json()
    assert len(versions["model_versions"]) >= 2
