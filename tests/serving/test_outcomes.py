"""The true label of a prediction, told later: durable, once, by what the contract calls it."""

import threading

import psycopg2
import pytest

from ml.inference_id import new_id
from ml.use_case import load_use_case
from serving.app import create_app
from serving.outcomes import labels
from tests.conftest import REPOSITORY
from tests.serving import bundles
from tests.serving.fakes import FolderRegistry, LocalClient, serving_settings

NOWHERE = "postgresql:///nowhere?host=/nowhere"


@pytest.fixture
def outcomes(database_url):
    def read(columns="inference_id::text, label"):
        connection = psycopg2.connect(database_url)
        try:
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT {columns} FROM ml.outcomes ORDER BY inference_id")
                return cursor.fetchall()
        finally:
            connection.close()

    return read


@pytest.fixture
def predicted(client, contract):
    return client.post("/v1/predict", json={"input": bundles.example(contract)}).json()["inference_id"]


def tell(client, identity, label, **more):
    return client.post("/v1/outcomes", json={"inference_id": identity, "label": label, **more})


def test_a_label_is_in_the_table_before_the_answer(client, predicted, contract, outcomes):
    positive = contract.target.positive
    reply = tell(client, predicted, positive, observed_at="2024-03-01T10:00:00+02:00")
    assert reply.status_code == 200
    assert reply.json() == {"inference_id": predicted, "label": 1, "observed_at": "2024-03-01T08:00:00Z"}
    ((*row, observed),) = outcomes("inference_id::text, use_case, label, observed_at")
    assert row == [predicted, "customer_churn", 1]
    assert observed.isoformat() == "2024-03-01T08:00:00+00:00"


def test_a_repeat_changes_nothing_and_another_label_is_refused(client, predicted, contract, outcomes):
    negative = next(c for c in contract.target.categories if c != contract.target.positive)
    first = tell(client, predicted, negative)
    repeat = tell(client, predicted, negative, observed_at="2030-01-01T00:00:00Z")
    other = tell(client, predicted, contract.target.positive)
    assert (first.status_code, repeat.status_code, other.status_code) == (200, 200, 409)
    assert repeat.json() == first.json()
    assert other.json()["detail"] == "label: another label is known for this inference_id; the first one stays."
    assert outcomes() == [(predicted, 0)]


def test_two_labels_told_at_once_leave_one(client, predicted, contract, outcomes):
    replies = []
    threads = [
        threading.Thread(target=lambda label=label: replies.append(tell(client, predicted, label)))
        for label in [*contract.target.categories] * 4
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(reply.status_code for reply in replies) == [200] * 4 + [409] * 4
    kept = {reply.json()["label"] for reply in replies if reply.status_code == 200}
    assert [label for _, label in outcomes()] == list(kept)


def test_a_prediction_of_a_batch_can_be_told_a_label(client, contract, outcomes):
    body = {"inputs": [bundles.example(contract)] * 3}
    ids = [p["inference_id"] for p in client.post("/v1/predict/batch", json=body).json()["predictions"]]
    assert [tell(client, identity, contract.target.positive).status_code for identity in ids] == [200] * 3
    assert outcomes() == [(identity, 1) for identity in sorted(ids)]


def test_an_id_that_is_not_known_gets_404(client, contract, outcomes):
    reply = tell(client, str(new_id()), contract.target.positive)
    assert reply.status_code == 404
    assert "no prediction of this model's use case is known by it" in reply.json()["detail"]
    assert outcomes() == []


def test_a_prediction_of_another_use_case_is_not_known(tmp_path, client, serving_database_url, predicted, contract):
    bank = FolderRegistry(tmp_path / "bank", load_use_case(REPOSITORY / "data", "bank_marketing").contract)
    bank.register("1")
    bank.promote("1")
    with LocalClient(create_app(serving_settings(tmp_path / "other", serving_database_url), bank)) as other:
        assert tell(other, predicted, "yes").status_code == 404


@pytest.mark.parametrize("wrong", ["perhaps", None, 2, 0.5, [], {}, ""])
def test_a_label_that_is_none_of_the_targets_categories_is_refused_by_name(client, predicted, wrong, outcomes):
    reply = tell(client, predicted, wrong)
    assert reply.status_code == 422
    ((problem),) = reply.json()["problems"]
    assert problem["field"] == "label"
    assert problem["message"].startswith("must be one of ")
    assert outcomes() == []


@pytest.mark.parametrize("wrong", ["", "yesterday", "2024-03-01", "2024-03-01T10:00:00", 1709287200, None])
def test_a_time_without_zone_is_refused_by_name(client, predicted, contract, wrong):
    reply = tell(client, predicted, contract.target.positive, observed_at=wrong)
    assert reply.status_code == 422
    assert [p["field"] for p in reply.json()["problems"]] == ["observed_at"]


@pytest.mark.parametrize("body", [{}, {"label": 1}, {"inference_id": "x", "label": 1}])
def test_a_body_without_an_id_is_refused_by_name(client_without_database, body):
    reply = client_without_database.post("/v1/outcomes", json=body)
    assert reply.status_code == 422
    assert [p["field"] for p in reply.json()["problems"]] == ["inference_id"]


def test_with_postgres_away_a_label_is_not_said_to_be_kept(tmp_path, registry, contract):
    with LocalClient(create_app(serving_settings(tmp_path, NOWHERE), registry)) as client:
        spooled = client.post("/v1/predict", json={"input": bundles.example(contract)}).json()["inference_id"]
        replies = [tell(client, identity, contract.target.positive) for identity in (spooled, str(new_id()))]
    assert [reply.status_code for reply in replies] == [503, 503]
    assert all("retry-after" in reply.headers for reply in replies)


def test_a_connection_that_was_cut_costs_no_label(client, predicted, contract, postgres, outcomes):
    assert tell(client, str(new_id()), contract.target.positive).status_code == 404
    postgres.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ml-serving-lookup'")
    assert tell(client, predicted, contract.target.positive).status_code == 200
    assert outcomes() == [(predicted, 1)]


@pytest.mark.parametrize(
    ("categories", "positive", "meant"),
    [
        (("no", "yes"), "yes", [("no", 0), ("yes", 1), (1, 1), (0, 0)]),
        ((False, True), False, [(False, 1), (True, 0), (1, 1), (0, 0)]),
        ((0, 1), 0, [(0, 1), (1, 0)]),
        ((1, 2), 2, [(1, 0), (2, 1)]),
    ],
)
def test_labels_are_the_categories_and_the_class_itself_where_no_category_is_a_number(
    contract, categories, positive, meant
):
    column = contract.target.model_copy(update={"categories": categories, "positive": positive})
    assert [(type(label), label, number) for label, number in labels(column)] == [
        (type(label), label, number) for label, number in meant
    ]


def test_labels_of_text_are_taken_as_text_and_as_classes(tmp_path, serving, outcomes):
    contract = load_use_case(REPOSITORY / "data", "bank_marketing").contract
    bank = FolderRegistry(tmp_path / "bank", contract)
    bank.register("1")
    bank.promote("1")
    with LocalClient(create_app(serving, bank)) as client:
        body = {"inputs": [bundles.example(contract)] * 5}
        ids = [p["inference_id"] for p in client.post("/v1/predict/batch", json=body).json()["predictions"]]
        statuses = [
            tell(client, identity, label).status_code
            for identity, label in zip(ids, ["yes", "no", 1, 0, True], strict=True)
        ]
    assert statuses == [200, 200, 200, 200, 422]
    assert dict(outcomes()) == dict(zip(ids, [1, 0, 1, 0], strict=False))
