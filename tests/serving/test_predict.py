"""What a client of the API sees, and what the log keeps of it."""

import datetime as dt
import json
import time
from uuid import UUID

import pytest

from ml.use_case import load_use_case
from serving.app import create_app
from tests.conftest import REPOSITORY
from tests.serving import bundles
from tests.serving.fakes import FolderRegistry, LocalClient


def predict(client, values, **more):
    return client.post("/v1/predict", json={"input": values, **more})


def test_a_prediction_has_the_documented_fields(client, contract):
    values = bundles.example(contract)
    answer = predict(client, values).json()
    expected = bundles.probability(contract, values, bias=0.5)
    assert answer.pop("probability") == pytest.approx(expected, abs=1e-6)
    assert UUID(answer.pop("inference_id")).version == 7
    assert answer == {"class": 1, "n_features": 20, "model_version": "1", "threshold": 0.5, "warnings": []}


def test_the_class_is_positive_from_the_threshold_on(client, registry, contract):
    registry.register("2", bias=-2)
    registry.promote("2")
    wait_for_version(client, "2")
    assert predict(client, bundles.example(contract)).json()["class"] == 0


def test_predict_without_version_is_the_same_endpoint(client, contract):
    values = {"input": bundles.example(contract)}
    old, new = client.post("/predict", json=values).json(), client.post("/v1/predict", json=values).json()
    assert old["inference_id"] != new["inference_id"]
    assert {**old, "inference_id": None} == {**new, "inference_id": None}


def test_each_answer_is_in_the_log_before_it_arrives(client, contract, logged):
    values = {**bundles.example(contract), "signal.min": None}
    before = dt.datetime.now(dt.UTC)
    answer = predict(client, {**values, "exit.survey": 3}).json()
    columns = (
        "inference_id::text, use_case, model_name, model_version, run_id, input, prediction, probability, source,"
        " row_key, warnings, timestamp"
    )
    (*row, timestamp) = logged(columns)[0]
    warning = '"exit.survey" is not used by this model: ignored'
    assert row == [
        answer["inference_id"], "customer_churn", "test-model", "1", "run-1", values, 1, answer["probability"],
        "online", None, [warning],
    ]  # fmt: skip
    assert answer["warnings"] == [warning]
    assert before <= timestamp <= dt.datetime.now(dt.UTC)


def test_a_refused_input_is_not_logged(client, contract, logged):
    assert predict(client, {**bundles.example(contract), "Age Years": 7}).status_code == 422
    assert logged() == []


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('"Age Years": NaN', "Age Years"),
        ('"bill.max": Infinity', "bill.max"),
        ('"bill.max": -1e999', "bill.max"),
        ('"plan.type": "gold"', "plan.type"),
        ('"plan.type": ["basic"]', "plan.type"),
        ('"Age Years": "41"', "Age Years"),
        ('"Age Years": true', "Age Years"),
    ],
)
def test_what_breaks_the_contract_gets_422_that_names_the_field_in_valid_json(
    client_without_database, contract, text, field
):
    values = {k: v for k, v in bundles.example(contract).items() if k != field}
    reply = client_without_database.post("/predict", content=f'{{"input": {json.dumps(values)[:-1]}, {text}}}}}')
    assert reply.status_code == 422
    body = json.loads(reply.content, parse_constant=lambda constant: pytest.fail(f"{constant} is no JSON"))
    assert [p["field"] for p in body["problems"]] == [field]
    assert body["detail"].startswith(f"{field}: must be ")


def test_a_missing_field_gets_422_that_says_what_it_may_hold(client_without_database, contract):
    values = {k: v for k, v in bundles.example(contract).items() if k != "plan.type"}
    reply = predict(client_without_database, values)
    assert reply.status_code == 422
    assert reply.json()["problems"] == [
        {"field": "plan.type", "message": 'is missing; must be one of "basic", "family", "pro+". Tariff'}
    ]


@pytest.mark.parametrize("body", ["", "{", "[]", "1", '"x"', "null", "[" * 5000, '{"input": {"a": ', "\ud800"])
def test_a_body_that_is_no_json_object_gets_400(client_without_database, body):
    reply = client_without_database.post("/predict", content=body.encode("utf-8", "surrogatepass"))
    assert reply.status_code == 400
    assert "JSON" in reply.json()["detail"]


@pytest.mark.parametrize("body", [{}, {"input": None}, {"input": []}, {"inputs": {}}])
def test_a_body_without_input_gets_422_that_names_it(client_without_database, body):
    reply = client_without_database.post("/predict", json=body)
    assert reply.status_code == 422
    assert [p["field"] for p in reply.json()["problems"]] == ["input"]


def test_the_public_cases_payload_and_its_raw_twin_get_the_same_probability(tmp_path, serving, registry):
    payload = REPOSITORY / "data" / "bank_marketing" / "example_request.json"
    contract = load_use_case(REPOSITORY / "data", "bank_marketing").contract
    registry = FolderRegistry(tmp_path / "bank", contract)
    registry.register("7", bias=-0.4)
    registry.promote("7")
    raw = {
        "age": 40, "job": "blue-collar", "marital": "married", "education": "primary", "default": "no",
        "balance": 640, "housing": "yes", "loan": "yes", "contact": "unknown", "day": 8, "month": "may",
        "duration": 347, "campaign": 2, "pdays": -1, "previous": 0, "poutcome": "unknown",
    }  # fmt: skip
    with LocalClient(create_app(serving, registry)) as client:
        one_hot, twin = client.post("/predict", content=payload.read_bytes()).json(), predict(client, raw).json()
    assert one_hot["n_features"] == 15
    assert one_hot["warnings"] == ['"duration" is not used by this model: ignored']
    assert {**one_hot, "inference_id": None} == {**twin, "inference_id": None}


def wait_for_version(client, version):
    deadline = time.monotonic() + 10
    while client.get("/ready").json()["model_version"] != version:
        assert time.monotonic() < deadline
        time.sleep(0.02)
