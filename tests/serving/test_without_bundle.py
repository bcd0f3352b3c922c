"""A version promoted by hand without an ONNX model: said in /ready, the log and the ledger; the old one goes on."""

import pytest
from mlflow import MlflowClient

from ml import registry
from ml.store import connect
from tests.serving import bundles
from tests.serving.fakes import serving_settings
from tests.serving.process import ask, load, running, until, version

CASES = {
    "no checksum": ("it has no tag bundle_sha256", "it has no tag bundle_sha256"),
    "no bundle": ("has no serving/manifest.json", "its bundle cannot be fetched from run"),
}
"""Reasons of the service, and of the ledger."""


def make_version(mlflow, name, folder, contract, *, tag=True, bundle=True):
    """A version whose run holds a bundle, or what a notebook would log."""
    run = mlflow.create_run("0").info.run_id
    checksum = bundles.build(folder, contract, model_name=name, run_id=run, bias=-0.5)
    if bundle:
        mlflow.log_artifacts(run, str(folder), "serving")
    else:
        (folder / "model.pkl").write_bytes(b"no ONNX")
        mlflow.log_artifact(run, str(folder / "model.pkl"), "model")
    tags = {"bundle_sha256": checksum} if tag else None
    return str(mlflow.create_model_version(name, f"runs:/{run}/model", run, tags=tags).version)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("how", ["alias", "stage"])
def test_it_is_refused_with_its_reason_and_the_old_version_goes_on(
    case, how, mlflow_settings, mlflow_server, serving_database_url, contract, tmp_path
):
    name, mlflow = f"without bundle, {case}, {how}", MlflowClient(mlflow_server, mlflow_server)
    mlflow.create_registered_model(name)
    make_version(mlflow, name, tmp_path / "1", contract)
    registry.promote(mlflow_settings, name, "1", actor="ann", source="cli", why="good")
    bad = make_version(mlflow, name, tmp_path / "2", contract, tag=case != "no checksum", bundle=False)
    changed = {"model_name": name, "mlflow_tracking_uri": mlflow_server, "poll_seconds": 0.2}
    settings = serving_settings(tmp_path, serving_database_url).model_copy(update=changed)
    values = bundles.example(contract)
    with running(settings, tmp_path / "log") as url:
        until(lambda: version(url) == "1", 10)
        with load(url, {"input": values}, clients=2) as replies:
            if how == "alias":
                mlflow.set_registered_model_alias(name, "production", bad)
                until(lambda: ask(f"{url}/ready").json()["problems"], 10)
                said = ask(f"{url}/ready")
                assert (said.status_code, said.json()["model_version"]) == (200, "1")
                (problem,) = said.json()["problems"]
                assert problem.startswith(f"Version {bad} of {name!r} cannot be served: ")
                assert CASES[case][0] in problem
            else:
                with pytest.warns(FutureWarning, match="stages"):
                    mlflow.transition_model_version_stage(name, bad, "Production")
            assert registry.reconcile(mlflow_settings, name) is None
            until(lambda: not ask(f"{url}/ready").json()["problems"], 10)
        assert replies
        assert {(reply.status_code, reply.json()["model_version"]) for reply in replies} == {(200, "1")}
    if how == "alias":
        assert f"Version {bad} of '{name}' cannot be served" in (tmp_path / "log").read_text()
    assert mlflow.get_model_version_by_alias(name, "production").version == "1"
    assert ledger(mlflow_settings)[-1][:4] == ("1", bad, "Production", "refused")
    assert how in ledger(mlflow_settings)[-1][4]
    assert CASES[case][1] in ledger(mlflow_settings)[-1][4]


def ledger(settings):
    with connect(settings.database_url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT from_version, to_version, stage, outcome, source || why FROM ml.promotions ORDER BY id")
        return cursor.fetchall()
