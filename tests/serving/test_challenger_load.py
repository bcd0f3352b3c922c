"""A challenger set, changed, spoilt and taken away under load: no request fails, and none is answered wrongly."""

import numpy as np
import pytest
from mlflow import MlflowClient

from ml.promotion.challenger import set_challenger
from ml.promotion.experiment import Mode
from ml.registry import promote
from tests.serving import bundles
from tests.serving.fakes import serving_settings
from tests.serving.process import ask, load, running, until, version

NAME = "challenged"
BIAS = {"1": 0.5, "2": -0.5, "3": 0.0}


@pytest.fixture
def mlflow(mlflow_server, mlflow_settings, contract, tmp_path):
    """Version 1 in production, 2 is good, 3 is spoilt."""
    mlflow = MlflowClient(mlflow_server, mlflow_server)
    mlflow.create_registered_model(NAME)
    for number, bias in BIAS.items():
        run, folder = mlflow.create_run("0").info.run_id, tmp_path / "bundles" / number
        checksum = bundles.build(folder, contract, model_name=NAME, run_id=run, bias=bias)
        if number == "3":
            (folder / "model.onnx").write_bytes(b"cut off")
        mlflow.log_artifacts(run, str(folder), "serving")
        mlflow.create_model_version(NAME, f"runs:/{run}/serving", run, tags={"bundle_sha256": checksum})
    promote(mlflow_settings, NAME, "1", actor="ann", source="cli", why="good")
    return mlflow


def shown(url):
    return ask(f"{url}/v1/model").json()["challenger"]


def is_set(url, mode, number):
    def found():
        now = shown(url)
        return (now["mode"], now["version"]) == (mode, number) and (now["since"] or mode == "off" or number == "3")

    return found


@pytest.mark.slow
def test_no_request_fails_or_waits_for_a_challenger_whatever_becomes_of_it(
    mlflow, mlflow_settings, mlflow_server, serving_database_url, contract, tmp_path, logged
):
    changed = {"model_name": NAME, "mlflow_tracking_uri": mlflow_server, "poll_seconds": 0.2}
    settings = serving_settings(tmp_path, serving_database_url).model_copy(update=changed)
    values = bundles.example(contract)
    phases = {}

    def measured(url, name, number):
        """A phase in which nothing changes."""
        with load(url, {"input": values}, clients=2) as replies:
            until(lambda: len(replies) >= number, 60)
        phases[name] = replies

    def challenge(number, mode, percent=0.0):
        set_challenger(mlflow_settings, NAME, number, mode=mode, percent=percent, actor="a", source="cli", why="test")

    with running(settings, tmp_path / "log") as url:
        until(lambda: version(url) == "1", 10)
        measured(url, "warm up", 100)
        measured(url, "off", 500)
        with load(url, {"input": values}, clients=2) as phases["changes"]:
            challenge("2", Mode.SHADOW)
            until(is_set(url, "shadow", "2"), 10)
        measured(url, "shadow", 500)
        with load(url, {"input": values}, clients=2) as more:
            challenge("2", Mode.CANARY, 50)
            until(is_set(url, "canary", "2"), 10)
        measured(url, "canary 50 %", 500)
        with load(url, {"input": values}, clients=2) as others:
            mlflow.set_registered_model_alias(NAME, "challenger", "3")  # by hand, past the checks
            until(is_set(url, "canary", "3"), 10)
            until(lambda: shown(url)["problem"], 10)
        measured(url, "spoilt", 200)
        challenge(None, Mode.OFF)
        until(is_set(url, "off", None), 10)
        measured(url, "off again", 200)
        phases["changes"] += [*more, *others]
        told = ask(f"{url}/metrics").text

    for name, replies in phases.items():
        assert {reply.status_code for reply in replies} == {200}, name
        versions = [reply.json()["model_version"] for reply in replies]
        assert set(versions) <= ({"1", "2"} if name in ("canary 50 %", "changes") else {"1"}), name
        for reply in replies:
            answer = reply.json()
            wanted = bundles.probability(contract, values, BIAS[answer["model_version"]])
            assert answer["probability"] == pytest.approx(wanted, abs=1e-6)
        milliseconds = [1000 * reply.elapsed.total_seconds() for reply in replies]
        p50, p99 = np.percentile(milliseconds, [50, 99])
        share = versions.count("2") / len(versions)
        print(f"{name}: {len(replies)} replies, {share:.0%} by the challenger, p50 {p50:.2f} ms, p99 {p99:.2f} ms")

    ids = [reply.json()["inference_id"] for replies in phases.values() for reply in replies]
    rows = logged("inference_id::text, role, shadow_of::text")
    assert sorted(i for i, role, _ in rows if role != "shadow") == sorted(ids)
    shadows = [of for _, role, of in rows if role == "shadow"]
    assert len(set(shadows)) == len(shadows)
    assert set(shadows) <= set(ids)
    outcomes = {o: count(told, o) for o in ("logged", "dropped", "failed", "lost", "fell_back")}
    print(f"{len(phases['shadow'])} replies while a shadow ran, in all of it: {outcomes}")
    assert outcomes["logged"] == len(shadows)
    assert len(phases["shadow"]) <= outcomes["logged"] + outcomes["dropped"]
    assert (outcomes["failed"], outcomes["lost"]) == (0, 0)


def count(metrics, outcome):
    lines = [line for line in metrics.splitlines() if line.startswith("serving_challenger_requests_total{")]
    (line,) = [line for line in lines if f'outcome="{outcome}"' in line]
    return int(float(line.split()[-1]))
