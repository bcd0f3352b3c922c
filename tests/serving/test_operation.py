"""Alive, ready, and which model: with and without one."""

import datetime as dt

import pytest

from ml.contract import Contract
from ml.errors import Unavailable
from serving.app import create_app
from tests.serving import bundles
from tests.serving.fakes import LocalClient, serving_settings
from tests.serving.test_predict import wait_for_version

NOWHERE = "postgresql:///nowhere?host=/nowhere"


@pytest.fixture
def client_without_model(tmp_path, registry):
    registry.promote(None)
    with LocalClient(create_app(serving_settings(tmp_path, NOWHERE), registry)) as client:
        yield client


@pytest.mark.parametrize("fixture", ["client_without_model", "client_without_database"])
def test_health_is_ok_whatever_else_is_missing(request, fixture):
    reply = request.getfixturevalue(fixture).get("/health")
    assert (reply.status_code, reply.json()) == (200, {"status": "ok"})


def test_without_a_production_version_predictions_get_503_that_says_what_to_do(client_without_model, contract):
    why = (
        "Model 'test-model' has no production version. Promote one: "
        "`make promote MODEL_NAME=test-model VERSION=<n>`, or alias `production` in the MLflow UI."
    )
    reply = client_without_model.post("/predict", json={"input": bundles.example(contract)})
    assert (reply.status_code, reply.headers["retry-after"]) == (503, "2")
    assert reply.json() == {"detail": why, "problems": []}
    assert client_without_model.get("/v1/model").status_code == 503
    ready = client_without_model.get("/ready")
    assert ready.status_code == 503
    assert ready.json() == {"status": "not ready", "model_version": None, "log": "postgres", "problems": [why]}


def test_the_first_promotion_makes_it_ready(client_without_model, registry):
    registry.promote("1")
    wait_for_version(client_without_model, "1")
    ready = client_without_model.get("/ready")
    assert ready.status_code == 200
    assert ready.json() == {"status": "ready", "model_version": "1", "log": "postgres", "problems": []}


def test_without_mlflow_ready_names_it(tmp_path, registry):
    registry.error = Unavailable("MLflow", "http://mlflow:5000", "connection refused")
    with LocalClient(create_app(serving_settings(tmp_path, NOWHERE), registry)) as client:
        problems = client.get("/ready").json()["problems"]
    assert problems == [
        "MLflow at http://mlflow:5000 did not answer: connection refused. `make status` shows what runs."
    ]


def test_the_model_tells_its_version_figures_features_and_since_when_it_serves(client_without_database, contract):
    started = dt.datetime.now(dt.UTC)
    model = client_without_database.get("/v1/model").json()
    assert started - dt.timedelta(minutes=1) < dt.datetime.fromisoformat(model.pop("since")) <= started
    features = {f["name"]: f for f in model.pop("features")}
    assert Contract.model_validate(model.pop("contract")) == contract
    assert model == {
        "use_case": "customer_churn", "title": "Customer churn", "model_name": "test-model", "model_version": "1",
        "run_id": "run-1", "trained_at": "2024-05-01T12:00:00Z", "n_train": 800, "n_test": 200,
        "snapshot_id": "200:abc", "metrics": {"roc_auc": 0.75, "f1": 0.4}, "threshold": 0.5,
        "challenger": {"mode": "off", "percent": 0, "version": None, "since": None, "problem": None},
    }  # fmt: skip
    assert len(features) == 20
    assert features["Age Years"] == {
        "name": "Age Years", "type": "integer", "meaning": "Age of the client", "unit": "years",
        "range": [18, 100], "categories": None, "nullable": False,
    }  # fmt: skip


def test_it_takes_its_settings_from_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("SERVING_MODEL_NAME", "from-the-environment")
    monkeypatch.setenv("SERVING_DATABASE_URL", NOWHERE)
    monkeypatch.setenv("SERVING_SPOOL_DIR", str(tmp_path))
    settings = create_app().state.settings
    assert (settings.model_name, settings.spool_dir, settings.poll_seconds) == ("from-the-environment", tmp_path, 2)
