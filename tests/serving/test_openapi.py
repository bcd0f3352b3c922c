"""The API document and its page: written from the contract of the version that serves."""

import jsonschema
import pytest

from serving.app import create_app
from tests.serving import bundles
from tests.serving.fakes import FolderRegistry, LocalClient, serving_settings
from tests.serving.test_predict import wait_for_version


def schema(document, name):
    return {"$ref": f"#/components/schemas/{name}", **document}


def properties(client):
    return client.get("/openapi.json").json()["components"]["schemas"]["Input"]["properties"]


def test_fields_show_range_unit_meaning_and_example(client_without_database):
    shown = properties(client_without_database)
    assert shown["Age Years"] == {
        "title": "Age Years",
        "description": "Age of the client: a whole number from 18 to 100 (years).",
        "example": 41,
        "type": "integer",
        "minimum": 18,
        "maximum": 100,
    }
    assert shown["region"] == {
        "title": "region",
        "description": 'Where the client lives: one of "east", "north", "south", "west" or null.',
        "example": "north",
        "enum": ["east", "north", "south", "west", None],
    }
    assert shown["signal.min"]["type"] == ["number", "null"]
    assert "exit.survey" not in shown


def test_a_table_shows_the_fields_to_people(client_without_database):
    text = client_without_database.get("/openapi.json").json()["paths"]["/v1/predict"]["post"]["description"]
    assert "| `Age Years` | Age of the client | a whole number from 18 to 100 (years) |  |\n" in text
    assert '| `plan.type` | Tariff | one of "basic", "family", "pro+" | `basic` |\n' in text


def test_the_example_shown_is_accepted_and_keeps_the_documents_schema(client, contract):
    document = client.get("/openapi.json").json()
    example = document["components"]["schemas"]["Input"]["example"]
    assert example == bundles.example(contract)
    jsonschema.validate({"input": example}, schema(document, "Request"))
    assert client.post("/v1/predict", json={"input": example}).status_code == 200


@pytest.mark.parametrize("path", ["/predict", "/v1/predict"])
def test_answers_keep_the_documents_schema(client, contract, path):
    document = client.get("/openapi.json").json()
    declared = document["paths"][path]["post"]["responses"]
    for body, status in (({"input": bundles.example(contract)}, 200), ({"input": {}}, 422), ([], 400)):
        reply = client.post(path, json=body)
        assert reply.status_code == status
        kept = declared[str(status)]["content"]["application/json"]["schema"]
        jsonschema.validate(reply.json(), {**document, **kept})


@pytest.mark.parametrize("path", ["/health", "/ready", "/v1/model"])
def test_what_is_read_keeps_the_documents_schema(client_without_database, path):
    document = client_without_database.get("/openapi.json").json()
    kept = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    jsonschema.validate(client_without_database.get(path).json(), {**document, **kept})


def test_the_document_follows_the_model(tmp_path):
    from ml.use_case import load_use_case
    from tests.conftest import REPOSITORY

    registry = FolderRegistry(tmp_path / "r", load_use_case(REPOSITORY / "data", "bank_marketing").contract)
    registry.register("1")
    with LocalClient(create_app(serving_settings(tmp_path, "postgresql:///nowhere?host=/nowhere"), registry)) as client:
        assert client.get("/openapi.json").json()["info"]["description"] == "No model serves yet; `/ready` says why."
        registry.promote("1")
        wait_for_version(client, "1")
        document = client.get("/openapi.json").json()
    assert document["info"]["title"] == "Bank Marketing"
    assert document["info"]["description"].endswith("Serves version 1 of `test-model`.")
    assert len(document["components"]["schemas"]["Input"]["properties"]) == 15


def test_the_docs_page_fetches_nothing_from_elsewhere(client_without_database):
    page = client_without_database.get("/docs").text
    assert "https://" not in page
    for name in ("swagger-ui-bundle.js", "swagger-ui.css", "favicon.png"):
        assert f'"/docs/files/{name}"' in page
        assert client_without_database.get(f"/docs/files/{name}").status_code == 200
