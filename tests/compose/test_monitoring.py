"""The profile monitoring: Prometheus in its container sees the API by its key, the platform, and Airflow."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from tests.compose.conftest import MODEL, USE_CASE
from tests.compose.stack import until


@pytest.fixture(scope="module")
def prometheus(stack, production):
    """Asks it for the series of an expression, from inside: it publishes no port."""
    with stack.step("up with the profile monitoring"):
        stack.compose("--profile=monitoring", "up", "--detach", "--wait", "--no-deps", "platform-metrics", "prometheus")

    def query(expression):
        address = "http://127.0.0.1:9090/api/v1/query?query=" + quote(expression)
        reply = stack.compose("exec", "-T", "prometheus", "wget", "-qO-", address).stdout
        return json.loads(reply)["data"]["result"]

    yield query
    stack.compose("--profile=monitoring", "rm", "--stop", "--force", "platform-metrics", "prometheus")


def test_prometheus_gets_in_where_a_key_is_wanted(prometheus):
    seconds = until(lambda: {s["metric"]["job"] for s in prometheus("up==1")} == {"serving", "platform"}, 60, "all up")
    print(f"\n  compose: {'all targets up':<44} {seconds:7.1f} s")


def test_it_knows_which_version_is_in_production(prometheus, production):
    until(lambda: prometheus("ml_model_production_info"), 60, "the platform's tables were read")
    (served,) = prometheus(f'sum(serving_model_info{{model_name="{MODEL}"}})by(model_version)')
    (known,) = prometheus(f'ml_model_production_info{{use_case="{USE_CASE}"}}')
    assert served["metric"]["model_version"] == known["metric"]["model_version"]


def test_airflow_tells_of_its_scheduler(prometheus):
    until(lambda: prometheus("airflow_scheduler_heartbeat_total"), 90, "the scheduler's heartbeat arrived")


def test_no_alert_fires_over_a_stack_that_is_well(prometheus):
    assert [s["metric"]["alertname"] for s in prometheus('ALERTS{alertstate="firing",severity="critical"}')] == []
