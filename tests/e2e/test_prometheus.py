"""A real Prometheus reads the running stack: every panel has data, every rule can be evaluated."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest

from ml.use_case import load_use_case
from tests.e2e.conftest import BANK, CHURN, Stack, free_ports
from tests.e2e.test_loop import RAW
from tests.observability.dashboards import queries, variables
from tests.observability.prometheus import Prometheus, configure, find
from tests.use_cases.customer_churn.make_data import draw

pytestmark = pytest.mark.stack

LABELLED = 240  # more than performance.min_rows
EXPECTED = {
    *("DriftIsConfirmed", "DagRunFailed", "VersionWaitsForApproval", "QuarantineRateIsHigh"),  # done on purpose here
    "ServingIsSlow",  # so may the machine be that runs the tests
}
"""Alerts that may be on their way."""


@pytest.fixture(scope="module")
def labelled(stack: Stack, churn: dict[str, Any]) -> str:
    """Address of an API whose last predictions have got their labels, which were then looked at."""
    use_case = load_use_case(stack.folder / "use_cases", CHURN)
    clients = draw(LABELLED, seed=11, first_id=90_000)
    inputs = json.loads(clients[[c.name for c in use_case.model_features]].to_json(orient="records"))
    with httpx.Client(base_url=churn["urls"]["serving"], trust_env=False) as client:
        for given, label in zip(inputs, clients["churned"], strict=True):
            answer = client.post("/v1/predict", json={"input": given}).raise_for_status().json()
            outcome = {"inference_id": answer["inference_id"], "label": int(label)}
            client.post("/v1/outcomes", json=outcome).raise_for_status()
    _, state = stack.drive(f"{CHURN}_outcomes")
    assert state == "success"
    return str(churn["urls"]["serving"])


@pytest.fixture(scope="module")
def used(bank: dict[str, Any]) -> str:
    """Address of the API that is asked while Prometheus looks."""
    return str(bank["urls"]["serving"])


@pytest.fixture(scope="module")
def prometheus(
    stack: Stack, used: str, labelled: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    if find("prometheus") is None:
        pytest.skip("prometheus is not there: `make prometheus` unpacks it where there is Debian's archive")
    targets = {
        "serving": [url.removeprefix("http://") for url in (used, labelled)],
        "platform": [f"127.0.0.1:{stack.metrics_port}"],
    }
    (port,) = free_ports(1)
    started = Prometheus.start(configure(tmp_path_factory.mktemp("prometheus"), targets), port)
    yield started
    started.stop()


@pytest.fixture(scope="module")
def with_traffic(prometheus: Prometheus, used: str) -> Prometheus:
    """Once it has seen some predictions, some errors and what Airflow sends every 15 seconds."""
    numbers = itertools.count()

    def asked_all() -> bool:
        ask(used, bad=next(numbers) % 4 == 0)
        return not [q for q in queries() if not has_data(prometheus, q.filled("30s"))]

    with suppress(AssertionError):  # the test says which panel has none
        prometheus.until(asked_all, 90)
    return prometheus


def ask(api: str, *, bad: bool) -> None:
    reply = httpx.post(f"{api}/v1/predict", json={"input": {**RAW, "age": "old"} if bad else RAW}, trust_env=False)
    assert reply.status_code == (422 if bad else 200)


def has_data(prometheus: Prometheus, expression: str) -> bool:
    return any(not math.isnan(float(series["value"][1])) for series in prometheus.query(expression))


def test_all_targets_answer(prometheus):
    def answering() -> list[str]:
        return [t["labels"]["job"] for t in prometheus.get("targets")["activeTargets"] if t["health"] == "up"]

    prometheus.until(lambda: sorted(answering()) == ["platform", "serving", "serving"], 20)


def test_the_query_of_every_panel_returns_data(with_traffic):
    empty = [str(query) for query in queries() if not has_data(with_traffic, query.filled("30s"))]
    assert empty == []


def test_the_variables_of_the_dashboards_have_values(with_traffic):
    for metric, label in variables():
        assert with_traffic.get(f"label/{label}/values", **{"match[]": metric}), (metric, label)


def test_every_rule_is_evaluated_and_what_is_well_raises_no_alarm(with_traffic):
    rules = [rule for group in with_traffic.get("rules")["groups"] for rule in group["rules"]]
    assert len(rules) >= 20
    assert [rule["name"] for rule in rules if rule["health"] != "ok" or rule.get("lastError")] == []
    assert {rule["name"] for rule in rules if rule["state"] != "inactive"} <= EXPECTED


def test_metrics_of_the_platform_are_those_of_its_tables(with_traffic):
    (version,) = with_traffic.query(f'ml_model_production_info{{use_case="{BANK}"}}')
    (served,) = with_traffic.query('serving_model_info{model_name="bank-model"} > 0')
    assert version["metric"]["model_version"] == served["metric"]["model_version"]
    (files,) = with_traffic.query(f'ml_data_files{{use_case="{BANK}", status="loaded"}}')
    assert int(files["value"][1]) >= 1
