"""S4: MLflow, and with it the artifacts behind it, cut off or dead, at the start and under load."""

import itertools

import httpx
import pytest
from mlflow import MlflowClient

from tests.faults.load import load
from tests.faults.versions import Versions
from tests.faults.wire import wire
from tests.serving.fakes import serving_settings
from tests.serving.process import ask, started, until, version

_numbers = itertools.count()


@pytest.fixture
def versions(mlflow_server, contract, tmp_path):
    """Two versions, the first in production."""
    versions = Versions(MlflowClient(mlflow_server, mlflow_server), f"cut off {next(_numbers)}", contract, tmp_path)
    for _ in range(2):
        versions.register()
    versions.promote("1")
    return versions


@pytest.fixture
def to_mlflow(mlflow_server):
    with wire(mlflow_server) as made:
        yield made


@pytest.fixture
def settings(tmp_path, serving_database_url, to_mlflow, versions):
    changed = {"model_name": versions.name, "mlflow_tracking_uri": to_mlflow.address, "poll_seconds": 0.2}
    return serving_settings(tmp_path, serving_database_url).model_copy(update=changed)


@pytest.fixture(params=["cut", "deaden"])
def break_wire(request, to_mlflow):
    return getattr(to_mlflow, request.param)


@pytest.mark.fault
def test_s4_at_the_start_without_a_cache_it_waits_for_mlflow(settings, tmp_path, to_mlflow, break_wire, payload):
    break_wire()
    with started(settings, tmp_path / "log") as (url, process):
        until(lambda: "did not answer" in str(ask(f"{url}/ready").json()["problems"]), 30)
        reply = httpx.post(f"{url}/v1/predict", json=payload)
        assert (reply.status_code, ask(f"{url}/ready").status_code) == (503, 503)
        assert ask(f"{url}/health").status_code == 200
        to_mlflow.mend()
        seconds = until(lambda: version(url) == "1", 30)
        assert httpx.post(f"{url}/v1/predict", json=payload).status_code == 200
        assert process.poll() is None
    print(f"\nS4, at the start, nothing cached: alive and not ready; ready {seconds:.1f} s after MLflow was back")


@pytest.mark.fault
def test_s4_at_the_start_it_serves_the_last_good_version(settings, versions, tmp_path, break_wire, payload):
    with started(settings, tmp_path / "log") as (url, _):
        until(lambda: version(url) == "1", 30)
    break_wire()
    with started(settings, tmp_path / "log") as (url, _):
        seconds = until(lambda: version(url) == "1", 30)
        reply = httpx.post(f"{url}/v1/predict", json=payload)
        assert reply.status_code == 200
        assert reply.json()["probability"] == pytest.approx(versions.probability("1"), abs=1e-6)
        assert "did not answer" in ask(f"{url}/ready").json()["problems"][0]
    print(f"\nS4, at the start, from the cache: version 1 served {seconds:.1f} s after the port was open")


@pytest.mark.fault
def test_s4_while_running_nobody_notices(settings, versions, tmp_path, to_mlflow, break_wire, payload):
    with started(settings, tmp_path / "log") as (url, _):
        until(lambda: version(url) == "1", 30)
        with load(url, payload, pause=0.005) as outcome:
            break_wire()
            until(lambda: ask(f"{url}/ready").json()["problems"], 30)
            versions.promote("2")
            seen = len(outcome.replies)
            until(lambda: len(outcome.replies) > seen + 500, 30)
            to_mlflow.mend()
            seconds = until(lambda: version(url) == "2", 30)
    print(
        f"\nS4, while running: {len(outcome.replies)} replies, {len(outcome.replies) - outcome.statuses[200]} failed;"
        f" a promotion made meanwhile followed {seconds:.1f} s after MLflow was back"
    )
    assert outcome.statuses.keys() == {200}
    assert (outcome.cut, outcome.refused) == (0, 0)
