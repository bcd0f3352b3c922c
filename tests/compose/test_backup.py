"""`make backup` and `make restore` on the running stack."""

from __future__ import annotations

import json
import subprocess

import httpx

from tests.compose.conftest import MODEL, USE_CASE
from tests.compose.stack import until
from tests.conftest import REPOSITORY

EXAMPLE = json.loads((REPOSITORY / "data" / USE_CASE / "example_request.json").read_text())


def make(stack, target, **variables):
    compose = " ".join(
        ["docker", "compose", *(f"--file={f}" for f in stack.files), f"--env-file={stack.folder / '.env'}"]
    )
    given = [f"{name}={value}" for name, value in variables.items()]
    done = subprocess.run(
        ["make", "--no-print-directory", target, *given],
        cwd=REPOSITORY, env=stack.environment | {"COMPOSE": compose}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]


def artifact(stack):
    listed = stack.s3.list_objects_v2(Bucket="mlflow")["Contents"]
    return next(entry["Key"] for entry in listed if entry["Key"].endswith("/serving/model.onnx"))


def test_what_a_backup_holds_comes_back(stack, production):
    stack.serving.post("/predict", json=EXAMPLE).raise_for_status()
    count = "SELECT (SELECT count(*) FROM ml.inference_logs), (SELECT count(*) FROM bank_marketing.features)"
    before, key, served = stack.sql("ml", count), artifact(stack), stack.served()
    content = stack.s3.get_object(Bucket="mlflow", Key=key)["Body"].read()
    folder = stack.folder / "backup"
    with stack.step("backup"):
        make(stack, "backup", TO=folder)
    assert sorted(p.name for p in folder.iterdir()) == [
        "SHA256SUMS", "airflow.dump", "ml.dump", "mlflow.dump", "objects.tar",
    ]  # fmt: skip
    assert folder.stat().st_mode & 0o077 == 0

    stack.s3.delete_object(Bucket="mlflow", Key=key)
    stack.sql("ml", "TRUNCATE ml.inference_logs; DROP SCHEMA bank_marketing CASCADE")
    body = {"name": MODEL, "alias": "production"}
    stack.mlflow.request("DELETE", "/api/2.0/mlflow/registered-models/alias", params=body, json=body).raise_for_status()
    with stack.step("restore, until all is healthy"):
        make(stack, "restore", FROM=folder)

    assert stack.sql("ml", count) == before
    assert stack.s3.get_object(Bucket="mlflow", Key=key)["Body"].read() == content
    until(lambda: stack.served() == served, 60, "the version of the backup is served")
    assert stack.serving.post("/predict", json=EXAMPLE).status_code == 200
    assert stack.airflow.runs(f"{USE_CASE}_train"), "Airflow knows its runs"
    refused = httpx.get(f"{stack.url('ML_MLFLOW_PORT')}/", trust_env=False)
    assert refused.status_code == 401, "the logins are as before"
    assert stack.sql("ml", "SELECT has_database_privilege('ml_serving', 'airflow', 'CONNECT')") == "f"
