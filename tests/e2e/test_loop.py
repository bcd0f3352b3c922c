"""The main job, from the file to the retraining, as its users drive it: over HTTP and by `make`'s commands."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from ml.use_case import load_use_case
from stack.airflow_api import DagRun
from tests.conftest import REPOSITORY
from tests.e2e.conftest import BANK, CHURN, Stack
from tests.use_cases.customer_churn.make_data import write

pytestmark = pytest.mark.stack

# The public case's payload, word for word: 42 fields, one-hot; and the same client as raw fields.
ONE_HOT = json.loads((REPOSITORY / "data" / BANK / "example_request.json").read_text())
RAW = {
    "age": 40, "balance": 640, "day": 8, "duration": 347, "campaign": 2, "pdays": -1, "previous": 0,
    "job": "blue-collar", "marital": "married", "education": "primary", "default": "no", "housing": "yes",
    "loan": "yes", "contact": "unknown", "month": "may", "poutcome": "unknown",
}  # fmt: skip
PICKED_UP = 10  # seconds from a promotion to its being served


def until(holds: Callable[[], object], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.2)


def served(summary: dict) -> str:
    return httpx.get(f"{summary['urls']['serving']}/ready", trust_env=False).json()["model_version"]


def mlflow(summary: dict, path: str, **body: object) -> dict:
    reply = httpx.post(f"{summary['urls']['mlflow']}/api/2.0/mlflow/{path}", json=body, trust_env=False)
    return reply.raise_for_status().json()


def stage_of(summary: dict, name: str, version: str) -> str:
    reply = httpx.get(
        f"{summary['urls']['mlflow']}/api/2.0/mlflow/model-versions/get",
        params={"name": name, "version": version},
        trust_env=False,
    )
    return reply.raise_for_status().json()["model_version"]["current_stage"]


def test_the_main_job_runs_from_the_file_to_the_retraining(bank):
    assert bank["data_source"].startswith(("file", "sample"))
    assert bank["rows_ingested"] == 45211
    assert bank["rows_quarantined"] == 0
    assert set(bank["candidates"]) == set(load_use_case(REPOSITORY / "data", BANK).config.candidates)
    assert bank["registered_version"] == bank["production_version"] == "1"
    assert set(bank["prediction"]) >= {"class", "probability", "n_features", "model_version", "inference_id"}
    assert bank["rows_scored"] == 45211
    assert bank["drift_clean"] == "success"
    assert bank["drift_shifted"]["state"] == "failed"
    assert "month" in bank["drift_shifted"]["columns"]
    assert bank["retrain_run_id"].startswith("drift_report_")


def test_the_message_of_a_drift_alarm_names_columns_and_figures(stack, bank):
    run = next(r for r in stack.airflow.runs(f"{BANK}_drift") if stack.airflow.failed_tasks(r))
    assert stack.airflow.failed_tasks(run) == ["alert"]
    log = stack.airflow.log(run, "alert", lines=40)
    assert "DriftDetected" in log
    assert "month PSI" in log
    assert "limit 0.2" in log


def test_the_api_takes_the_raw_fields_and_the_public_one_hot_payload_and_refuses_bad_input(bank):
    api = bank["urls"]["serving"]
    by_flags = httpx.post(f"{api}/predict", json=ONE_HOT, trust_env=False).json()
    by_name = httpx.post(f"{api}/predict", json={"input": RAW}, trust_env=False).json()
    assert by_flags["n_features"] == 15
    assert by_flags["class"] in (0, 1)
    assert by_flags["probability"] == by_name["probability"]
    assert by_flags["inference_id"] != by_name["inference_id"]
    refused = httpx.post(f"{api}/predict", json={"input": {**RAW, "age": "old"}}, trust_env=False)
    assert refused.status_code == 422
    assert "age" in refused.text
    assert httpx.get(f"{api}/health", trust_env=False).json()["status"] == "ok"
    assert httpx.get(f"{api}/docs", trust_env=False).status_code == 200


def test_scoring_again_for_the_same_time_changes_nothing(stack, bank):
    as_of = datetime(2026, 1, 5, 12, tzinfo=UTC).isoformat()
    results = []
    for _ in range(2):
        run, state = stack.drive(f"{BANK}_score", as_of=as_of, start="2010-06-01")
        assert state == "success"
        results.append(stack.airflow.returned(run, "collect"))
    first, second = results
    assert first["rows_new"] == first["rows_scored"] > 0
    assert second["rows_new"] == 0
    assert second["rows_scored"] == first["rows_scored"]
    assert Path(second["output"]).is_file()


def test_a_promotion_by_alias_by_stage_or_by_command_is_served_within_seconds(stack, bank):
    retrained = stack.airflow.returned(DagRun(f"{BANK}_train", bank["retrain_run_id"]), "fit")["model_version"]
    name = "bank-model"
    mlflow(bank, "registered-models/alias", name=name, alias="production", version=retrained)
    until(lambda: served(bank) == retrained, PICKED_UP)
    until(lambda: stage_of(bank, name, retrained) == "Production", PICKED_UP)  # the other view shows it too
    mlflow(bank, "model-versions/transition-stage", name=name, version="1", stage="Production",
           archive_existing_versions=True)  # fmt: skip
    until(lambda: served(bank) == "1", PICKED_UP)
    stack.mlp("promote", "--model-name", name, "--version", retrained)
    until(lambda: served(bank) == retrained, PICKED_UP)
    stages = {
        str(v["version"]): v["stage"] for v in json.loads(stack.mlp("list-versions", "--model-name", name, "--json"))
    }
    assert stages[retrained] == "Production"
    assert stages["1"] == "Archived"


def test_the_daily_maintenance_leaves_no_partition_to_be_made(stack, bank):
    _, state = stack.drive("platform_maintenance")
    assert state == "success"
    said = stack.mlp("retention").splitlines()
    assert {"Made: nothing.", "Removed: nothing."} <= set(said)
    assert "Old rows removed: 0 of task_runs, 0 of serving_traffic." in said


def test_a_second_use_case_goes_through_the_whole_loop_with_no_change_of_code(stack, churn):
    assert churn["rows_ingested"] == 3000
    assert churn["rows_quarantined"] == 0
    assert set(churn["candidates"]) == {"linear", "boosting"}
    assert churn["production_version"] == "1"
    assert churn["prediction"]["n_features"] == 20
    assert churn["rows_scored"] == 3000
    assert churn["drift_clean"] == "success"
    assert churn["drift_shifted"] is None  # without an event time there are no last months


def test_the_second_use_case_is_scored_from_a_file_that_has_drifted_and_is_retrained(stack, churn):
    shifted = write(stack.folder / "shifted.csv", 800, seed=8, shift=2.0, first_id=50_000)
    as_of = datetime(2026, 2, 1, 12, tzinfo=UTC)
    run, state = stack.drive(f"{CHURN}_score", as_of=as_of.isoformat(), file=str(shifted))
    assert state == "success"
    assert stack.airflow.returned(run, "collect")["rows_scored"] == 800
    window = {
        "window_start": (as_of - timedelta(hours=1)).isoformat(),
        "window_end": as_of.replace(hour=13).isoformat(),
    }
    run, state = stack.drive(f"{CHURN}_drift", **window)
    assert state == "failed"
    assert stack.airflow.failed_tasks(run) == ["alert"]
    verdict = stack.airflow.returned(run, "check")
    assert stack.airflow.wait(DagRun(f"{CHURN}_train", f"drift_report_{verdict['report_id']}")) == "success"
    assert {c["column"] for c in verdict["drifted"]} >= {"calls.day", "minutes.day"}


def test_a_file_above_the_limit_of_bad_rows_stops_validation_and_training(stack, churn, tmp_path):
    path = write(stack.folder / "use_cases" / CHURN / "landing" / "bad.csv", 400, seed=9, first_id=10_000)
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    plan = rows[0].index("plan.type")
    for row in rows[1:200]:
        row[plan] = "gold"
    with path.with_suffix(".part").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    path.with_suffix(".part").replace(path)
    production = served(churn)

    ingest, state = stack.drive(f"{CHURN}_ingest")
    assert state == "success"
    validate = stack.airflow.caused_by(ingest, f"{CHURN}_validate")
    assert stack.airflow.wait(validate) == "failed"
    assert "plan.type" in stack.airflow.log(validate, "judge", lines=40)
    train, state = stack.drive(f"{CHURN}_train")
    assert state == "failed"
    assert stack.airflow.failed_tasks(train) == ["check_data"]
    assert served(churn) == production


def test_after_down_and_up_nothing_is_lost(stack, bank, churn):
    before = {name: stack.mlp(name, "--json") for name in ("db-training", "list-models")}
    assert stack.run("down").returncode == 0
    assert stack.run("status").returncode == 3
    assert stack.run("up").returncode == 0
    assert stack.run("status").returncode == 0
    assert {name: stack.mlp(name, "--json") for name in before} == before
    until(lambda: served(churn) == churn["production_version"], PICKED_UP)
    assert httpx.post(f"{bank['urls']['serving']}/predict", json=ONE_HOT, trust_env=False).status_code == 200


def test_the_demo_can_be_run_again(stack, bank, bank_file):
    again = stack.demo(BANK, "--data", str(bank_file))
    assert again["rows_ingested"] == 45211
    assert again["production_version"] == again["registered_version"] != bank["production_version"]
    assert again["drift_shifted"]["state"] == "failed"
    assert again["retrain_run_id"] == bank["retrain_run_id"], "at most one retraining in the cooldown"


def test_the_evidence_is_shown_by_the_known_commands(stack: Stack, bank):
    assert "feature" in stack.mlp("db-training", "--full") or "roc_auc" in stack.mlp("db-training")
    assert "[OK]" in stack.run("drift", "--use-case", BANK).stdout
    predicted = json.loads(stack.mlp("score", "--use-case", BANK, "--limit", "3", "--json"))
    assert len(predicted["predictions"]) == 3
    assert predicted["input_shape"] == [45211, 15]
