"""What Prometheus is told: of one process, and of all workers where they share a folder."""

import os
import signal

import httpx
from prometheus_client.parser import text_string_to_metric_families

from serving.app import create_app
from serving.cache import BundleCache
from serving.watcher import Watcher
from tests.serving import bundles
from tests.serving.fakes import MODEL, LocalClient, serving_settings
from tests.serving.process import ask, running, until, version
from tests.serving.test_predict import wait_for_version

NOWHERE = "postgresql:///nowhere?host=/nowhere"


def numbers(text):
    """Values by name and labels."""
    families = text_string_to_metric_families(text)
    return {(s.name, *sorted(s.labels.items())): s.value for family in families for s in family.samples}


def value(client, name, **labels):
    return numbers(client.get("/metrics").text).get((name, *sorted(labels.items())), 0)


def test_each_phase_of_a_prediction_is_timed_and_together_they_are_no_more_than_the_whole(client, contract):
    for _ in range(3):
        client.post("/v1/predict", json={"input": bundles.example(contract)})
    client.post("/v1/predict/batch", json={"inputs": [bundles.example(contract)] * 4})
    found = numbers(client.get("/metrics").text)

    def seconds(part, endpoint, phase):
        name = f"serving_request_duration_seconds_{part}"
        return found[name, ("endpoint", endpoint), ("phase", phase)]

    for endpoint, count in (("predict", 3), ("batch", 1)):
        phases = [seconds("sum", endpoint, phase) for phase in ("parse", "predict", "log")]
        assert [seconds("count", endpoint, p) for p in ("parse", "predict", "log", "total")] == [count] * 4
        assert all(phase > 0 for phase in phases)
        assert sum(phases) <= seconds("sum", endpoint, "total")


def test_predictions_are_counted_by_version_and_class_and_by_probability(client, registry, contract):
    values = bundles.example(contract)
    client.post("/v1/predict", json={"input": values})
    registry.register("2", bias=-2)
    registry.promote("2")
    wait_for_version(client, "2")
    client.post("/v1/predict/batch", json={"inputs": [values] * 5})
    found = numbers(client.get("/metrics").text)
    assert found["serving_predictions_total", ("class", "1"), ("model_version", "1")] == 1
    assert found["serving_predictions_total", ("class", "0"), ("model_version", "2")] == 5
    low = bundles.probability(contract, values, bias=-2)
    assert 0.1 < low < 0.2
    for bound, count in (("0.1", 0), ("0.2", 5), ("1.0", 5)):
        assert found["serving_prediction_probability_bucket", ("le", bound), ("model_version", "2")] == count
    info = {"model_name": MODEL, "model_version": "1", "run_id": "run-1"}
    assert value(client, "serving_model_info", **info) == 0
    assert value(client, "serving_model_info", **{**info, "model_version": "2", "run_id": "run-2"}) == 1


def test_a_repeat_is_no_second_prediction(client, contract):
    body = {"input": bundles.example(contract)}
    body["inference_id"] = client.post("/v1/predict", json=body).json()["inference_id"]
    assert client.post("/v1/predict", json=body).status_code == 200
    assert value(client, "serving_predictions_total", model_version="1", **{"class": "1"}) == 1


def test_errors_are_counted_by_kind_and_status_those_of_the_guard_too(client_without_database):
    client = client_without_database
    client.post("/v1/predict", json={"input": {}})
    client.post("/v1/predict", content=b"{")
    client.post("/v1/predict", content=b" " * (1024 * 1024 + 1))
    client.get("/v1/nothing")
    client.get("/v1/model", headers={"Host": "elsewhere"})
    for kind, status in (
        ("InvalidInput", 422), ("MalformedRequest", 400), ("RequestEntityTooLarge", 413), ("NotFound", 404),
        ("BadRequest", 400),
    ):  # fmt: skip
        assert value(client, "serving_errors_total", kind=kind, status=str(status)) == 1, kind
    assert value(client, "serving_requests_total", endpoint="predict", status="422") == 1


def test_the_logs_backlog_is_shown(tmp_path, registry, contract):
    with LocalClient(create_app(serving_settings(tmp_path, NOWHERE), registry)) as client:
        assert value(client, "serving_log_spool_segments") == 0
        client.post("/v1/predict/batch", json={"inputs": [bundles.example(contract)] * 10})
        assert value(client, "serving_log_spool_segments") >= 1
        size = sum(path.stat().st_size for path in (tmp_path / "spool").iterdir())
        assert value(client, "serving_log_spool_bytes") == size > 0
        assert value(client, "serving_log_postgres_away") == 1
        assert value(client, "serving_log_waiting_records") == 0
        assert value(client, "serving_requests_in_flight") == 1  # this one


def test_of_several_workers_any_answers_for_all_and_for_none_that_was_killed(
    tmp_path, serving, registry, contract, monkeypatch
):
    shared = tmp_path / "metrics"
    shared.mkdir()
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(shared))
    Watcher(registry, BundleCache(serving.cache_dir, MODEL), MODEL).look()
    settings = serving.model_copy(update={"workers": 2, "poll_seconds": 0.5})
    info = {"model_name": MODEL, "model_version": "1", "run_id": "run-1"}
    with running(settings, tmp_path / "log") as url:
        until(lambda: version(url) == "1", 20)
        with httpx.Client(base_url=url) as client:
            until(lambda: value(client, "serving_model_info", **info) == 2, 30)
        workers = {path.stem.rpartition("_")[2] for path in shared.glob("gauge_livesum_*.db")}
        assert len(workers) == 2
        for _ in range(20):
            reply = httpx.post(f"{url}/v1/predict", json={"input": bundles.example(contract)}, verify=False)
            assert reply.status_code == 200
        for _ in range(5):
            found = numbers(ask(f"{url}/metrics").text)
            assert found["serving_predictions_total", ("class", "1"), ("model_version", "1")] == 20
        killed = workers.pop()
        os.kill(int(killed), signal.SIGKILL)
        until(lambda: not _answers_for(url, shared, killed), 20)
        found = numbers(ask(f"{url}/metrics").text)
        assert found["serving_predictions_total", ("class", "1"), ("model_version", "1")] == 20


def _answers_for(url, shared, worker):
    try:
        ask(f"{url}/metrics")
    except httpx.TransportError:  # the killed worker took the connection with it
        return True
    return any(shared.glob(f"gauge_live*_{worker}.db"))
