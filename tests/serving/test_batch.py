"""Many inputs in one request: one answer and one row of the log each, or a 422 and none."""

import json
from uuid import UUID

import pytest

from serving.app import create_app
from tests.serving import bundles
from tests.serving.fakes import LocalClient


def inputs(contract, number):
    """Valid ones, each another."""
    return [{**bundles.example(contract), "Age Years": 18 + n % 80} for n in range(number)]


def test_predictions_come_in_the_order_of_the_inputs(client, contract):
    given = inputs(contract, 250)
    answer = client.post("/v1/predict/batch", json={"inputs": given}).json()
    predictions = answer.pop("predictions")
    assert answer == {"model_version": "1", "threshold": 0.5, "n_features": 20}
    assert [p["probability"] for p in predictions] == pytest.approx(
        [bundles.probability(contract, values, bias=0.5) for values in given], abs=1e-6
    )
    assert {p["class"] for p in predictions} == {1}
    assert len({UUID(p["inference_id"]) for p in predictions}) == 250


def test_each_prediction_is_in_the_log_under_its_id_before_the_answer(client, contract, logged):
    given = [{**values, "colour": "red"} for values in inputs(contract, 30)]
    predictions = client.post("/v1/predict/batch", json={"inputs": given}).json()["predictions"]
    rows = {row[0]: row[1:] for row in logged("inference_id::text, probability, input, threshold, role, warnings")}
    warning = ['"colour" is no field of the contract: ignored']
    assert len(rows) == 30
    for values, prediction in zip(inputs(contract, 30), predictions, strict=True):
        assert prediction["warnings"] == warning
        logged_row = rows[prediction["inference_id"]]
        assert logged_row == (prediction["probability"], values, 0.5, "production", warning)


def test_one_wrong_input_leaves_none_predicted_and_is_named_by_its_place(client, contract, logged):
    given = inputs(contract, 5)
    given[1]["plan.type"] = "gold"
    del given[3]["Age Years"]
    given[4] = "text"
    reply = client.post("/v1/predict/batch", json={"inputs": given})
    assert reply.status_code == 422
    problems = {p["field"]: p["message"] for p in reply.json()["problems"]}
    assert list(problems) == ["inputs[1].plan.type", "inputs[3].Age Years", "inputs[4]"]
    assert problems["inputs[1].plan.type"] == 'must be one of "basic", "family", "pro+"; got "gold"'
    assert logged() == []


def test_the_problems_named_are_bounded(client_without_database):
    reply = client_without_database.post("/v1/predict/batch", json={"inputs": [{}] * 1000})
    problems = reply.json()["problems"]
    assert reply.status_code == 422
    assert len(problems) == 51
    assert problems[0]["field"].startswith("inputs[0].")
    assert problems[-1] == {"field": "inputs", "message": "more than 50 fields cannot be used; these are the first"}


@pytest.mark.parametrize("body", [{}, {"inputs": []}, {"inputs": {}}, {"inputs": None}, {"input": {}}])
def test_a_body_without_inputs_is_refused(client_without_database, body):
    reply = client_without_database.post("/v1/predict/batch", json=body)
    assert reply.status_code == 422
    assert [p["field"] for p in reply.json()["problems"]] == ["inputs"]


def test_as_many_as_the_limit_are_taken_and_one_more_is_not(serving, registry, contract):
    with LocalClient(create_app(serving.model_copy(update={"batch_max_rows": 7}), registry)) as client:
        at_limit = client.post("/v1/predict/batch", json={"inputs": inputs(contract, 7)})
        above = client.post("/v1/predict/batch", json={"inputs": inputs(contract, 8)})
    assert (at_limit.status_code, above.status_code) == (200, 422)
    assert above.json()["problems"] == [{"field": "inputs", "message": "holds 8 inputs; the limit is 7 in one request"}]


def test_with_postgres_away_the_whole_batch_is_spooled(tmp_path, client_without_database, contract):
    reply = client_without_database.post("/v1/predict/batch", json={"inputs": inputs(contract, 40)})
    assert reply.status_code == 200
    lines = [line for path in (tmp_path / "spool").glob("*.jsonl") for line in path.read_text().splitlines()]
    spooled = [json.loads(line)["inference_id"] for line in lines]
    assert spooled == [p["inference_id"] for p in reply.json()["predictions"]]
