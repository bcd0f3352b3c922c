"""A promotion in a real MLflow reaches a real service process within 10 s, and no request fails."""

import contextlib
import dataclasses

import pytest
from mlflow import MlflowClient

from ml.errors import BundleRefused, NoProductionModel, Unavailable
from serving.registry import MlflowRegistry, ProductionVersion
from tests.serving import bundles
from tests.serving.fakes import serving_settings
from tests.serving.process import ask, load, running, until, version

NAME = "swap model.v1"
BIAS = {"1": -0.5, "2": 0.5}


@pytest.fixture(scope="module")
def mlflow(mlflow_server):
    return MlflowClient(mlflow_server, mlflow_server)


@pytest.fixture(scope="module")
def registered(mlflow, contract, tmp_path_factory):
    """Versions 1 and 2, and version 3 whose bundle was spoilt; none in production."""
    mlflow.create_registered_model(NAME)
    for number in ("1", "2", "3"):
        run = mlflow.create_run("0").info.run_id
        folder = tmp_path_factory.mktemp("bundle")
        checksum = bundles.build(folder, contract, model_name=NAME, run_id=run, bias=BIAS.get(number, 0.0))
        if number == "3":
            (folder / "model.onnx").write_bytes(b"cut off")
        mlflow.log_artifacts(run, str(folder), "serving")
        created = mlflow.create_model_version(NAME, f"runs:/{run}/serving", run)
        mlflow.set_model_version_tag(NAME, created.version, "bundle_sha256", checksum)
    return [
        version.run_id for version in sorted(mlflow.search_model_versions(f"name='{NAME}'"), key=lambda v: v.version)
    ]


@pytest.fixture
def settings(tmp_path, serving_database_url, mlflow_server):
    changed = {"model_name": NAME, "mlflow_tracking_uri": mlflow_server, "poll_seconds": 0.5}
    return serving_settings(tmp_path, serving_database_url).model_copy(update=changed)


def test_a_promotion_by_alias_is_followed_under_load_and_a_bad_version_is_not(
    mlflow, registered, settings, contract, tmp_path, logged
):
    values = bundles.example(contract)
    with running(settings, tmp_path / "log") as url:
        assert "has no production version" in ask(f"{url}/ready").json()["problems"][0]
        for number in ("1", "2", "1"):
            with load(url, {"input": values}) if version(url) else contextlib.nullcontext([]) as replies:
                mlflow.set_registered_model_alias(NAME, "production", number)
                until(lambda number=number: version(url) == number, 10)
            check(replies, contract, values)
        mlflow.set_registered_model_alias(NAME, "production", "3")
        until(lambda: ask(f"{url}/ready").json()["problems"], 10)
        ready = ask(f"{url}/ready")
        assert ready.status_code == 200
        assert ready.json()["model_version"] == "1"
        assert "Version 3 of 'swap model.v1' cannot be served" in ready.json()["problems"][0]
    assert "Version 3 of 'swap model.v1' cannot be served" in (tmp_path / "log").read_text()


def check(replies, contract, values):
    for reply in replies:
        assert reply.status_code == 200
        answer = reply.json()
        expected = bundles.probability(contract, values, BIAS[answer["model_version"]])
        assert answer["probability"] == pytest.approx(expected, abs=1e-6)


def test_acknowledged_predictions_are_in_the_log_and_a_restart_without_mlflow_serves(
    mlflow, registered, settings, contract, tmp_path, logged
):
    mlflow.set_registered_model_alias(NAME, "production", "2")
    with running(settings, tmp_path / "log") as url:
        until(lambda: version(url) == "2", 10)
    away = settings.model_copy(update={"mlflow_tracking_uri": "http://127.0.0.1:9"})
    with running(away, tmp_path / "log") as url:
        until(lambda: version(url) == "2", 10)
        with load(url, {"input": bundles.example(contract)}) as replies:
            until(lambda: len(replies) >= 50, 10)
        assert "MLflow at http://127.0.0.1:9 did not answer" in ask(f"{url}/ready").json()["problems"][0]
    assert sorted(row[0] for row in logged()) == sorted(reply.json()["inference_id"] for reply in replies)


def test_the_registry_tells_the_version_in_production_and_fetches_its_bundle(
    mlflow, registered, mlflow_server, tmp_path
):
    mlflow.set_registered_model_alias(NAME, "production", "2")
    registry = MlflowRegistry(mlflow_server, NAME)
    found = registry.production()
    assert (found.name, found.version, found.run_id) == (NAME, "2", registered[1])
    registry.fetch(found, tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["manifest.json", "model.onnx"]


def test_the_registry_tells_what_is_missing(mlflow, registered, mlflow_server, tmp_path):
    with pytest.raises(NoProductionModel):
        MlflowRegistry(mlflow_server, "no such model").production()
    lost = ProductionVersion(NAME, "9", mlflow.create_run("0").info.run_id, "0" * 64)
    with pytest.raises(BundleRefused, match=r"its run .* has no serving/manifest.json \(MLflow says 404\)"):
        MlflowRegistry(mlflow_server, NAME).fetch(lost, tmp_path)
    with pytest.raises(BundleRefused):
        MlflowRegistry(mlflow_server, NAME).fetch(dataclasses.replace(lost, run_id="no such run"), tmp_path)
    with pytest.raises(Unavailable, match=r"MLflow at http://127\.0\.0\.1:9 did not answer"):
        MlflowRegistry("http://127.0.0.1:9", NAME).production()


def test_a_version_that_was_registered_by_hand_is_refused(mlflow, registered, mlflow_server):
    by_hand = f"{NAME} by hand"
    mlflow.create_registered_model(by_hand)
    mlflow.create_model_version(by_hand, f"runs:/{registered[0]}/x", registered[0])
    mlflow.set_registered_model_alias(by_hand, "production", "1")
    with pytest.raises(BundleRefused, match="it has no tag bundle_sha256"):
        MlflowRegistry(mlflow_server, by_hand).production()
