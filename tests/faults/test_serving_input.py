"""S5, S8, X3: malformed and wrong input is refused by name; SQL in JSON is data."""

import json
from collections import Counter

import psycopg2
import pytest

from ml.use_case import load_use_case
from serving.app import create_app
from tests.conftest import REPOSITORY
from tests.serving import bundles
from tests.serving.fakes import FolderRegistry, LocalClient, serving_settings

ATTACKS = [
    "'; DROP SCHEMA ml CASCADE; --",
    '"; DROP TABLE ml.inference_logs; --',
    "$$); DELETE FROM ml.inference_logs; --",
    "\\'; SELECT pg_sleep(60); --",
    "%s %(x)s {0} ${jndi}",
    "\0",
    "\u202e\U0001f4a3",
]
SCHEMA = """
    SELECT table_schema, table_name, column_name, data_type FROM information_schema.columns
    WHERE table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2, 3
"""


@pytest.fixture
def contract():
    return load_use_case(REPOSITORY / "tests" / "use_cases", "customer_churn").contract


@pytest.fixture
def client(tmp_path, contract, serving_database_url):
    registry = FolderRegistry(tmp_path / "registry", contract)
    registry.register("1")
    registry.promote("1")
    with LocalClient(create_app(serving_settings(tmp_path, serving_database_url), registry)) as client:
        yield client


def rows(url, statement):
    connection = psycopg2.connect(url)
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()
    finally:
        connection.close()


def test_x3_sql_in_json_values_is_refused_by_name_and_changes_nothing(client, contract, database_url):
    before = rows(database_url, SCHEMA)
    for attack in ATTACKS:
        reply = client.post("/predict", json={"input": {**bundles.example(contract), "plan.type": attack}})
        assert reply.status_code == 422
        assert [p["field"] for p in reply.json()["problems"]] == ["plan.type"]
    assert rows(database_url, SCHEMA) == before
    assert rows(database_url, "SELECT count(*) FROM ml.inference_logs") == [(0,)]


def test_x3_sql_in_json_names_is_stored_as_data(client, contract, database_url):
    before = rows(database_url, SCHEMA)
    for attack in ATTACKS:
        reply = client.post("/predict", json={"input": {**bundles.example(contract), attack: attack}})
        assert reply.status_code == 200
    assert rows(database_url, SCHEMA) == before
    logged = rows(database_url, "SELECT warnings->>0, input FROM ml.inference_logs ORDER BY inference_id")
    assert len(logged) == len(ATTACKS)
    assert "'; DROP SCHEMA ml CASCADE; --\" is no field of the contract: ignored" in {w[1:] for w, _ in logged}
    assert all(values == bundles.example(contract) for _, values in logged)


FORBIDDEN = [
    "CREATE TABLE ml.x (a int)",
    "CREATE TABLE public.x (a int)",
    "CREATE SCHEMA x",
    "CREATE TEMP TABLE x (a int)",
    "ALTER TABLE ml.inference_logs ADD COLUMN x int",
    "DROP TABLE ml.inference_logs",
    "TRUNCATE ml.inference_logs",
    "DELETE FROM ml.inference_logs",
    "UPDATE ml.inference_logs SET prediction = 0",
    "INSERT INTO ml.promotions (model_name, to_version, stage, outcome, actor, source, why) "
    "VALUES ('m', '1', 'Production', 'promoted', 'a', 's', 'w')",
    "SELECT * FROM ml.training_data",
    "CREATE ROLE x SUPERUSER",
    "COPY ml.inference_logs TO PROGRAM 'true'",
]


def test_x3_the_serving_role_has_no_rights_beyond_its_log(serving_database_url):
    for statement in FORBIDDEN:
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            rows(serving_database_url, statement)


MALFORMED = [
    "", " ", "{", "[]", "nul", '"text"', "\ufeff{}", '{"input": {}', '{"input": {}}x', "{'input': {}}",
    '{"input": {"a": 01}}', '{"input": {"a": +1}}', '{"input": {"a": .5}}', '{"input": {"a": "\n"}}',
    '{"input": ' * 100_000, "[" * 200_000, '{"a":' * 200_000 + "1" + "}" * 200_000,
]  # fmt: skip
VALUES = [
    "NaN", "Infinity", "-Infinity", "1e400", "-1e400",
    "9" * 400, "9" * 5000, "-" + "9" * 5000, "1e-400", "0." + "1" * 5000,
    '"40"', "true", "null", "[]", "{}", "[[[[[[1]]]]]]", '"\\u0000"', '"\\ud83d\\udca3"', '"' + "x" * 100_000 + '"',
]  # fmt: skip
PATHS = {
    "/predict": '{"input": %s}',
    "/v1/predict": '{"input": %s}',
    "/v1/predict/batch": '{"inputs": [%s]}',
}


def no_constant(name):
    raise AssertionError(f"{name} is no JSON")


@pytest.mark.parametrize("path", [*PATHS, "/v1/outcomes"])
def test_s5_malformed_bodies_get_4xx_in_valid_json(client, path):
    bodies = [body.encode() for body in MALFORMED] + [b"\xff\xfe", b'{"input": {"a": "\xff"}}', b"\x00" * 1000]
    statuses = Counter()
    for body in bodies:
        reply = client.post(path, content=body)
        statuses[reply.status_code] += 1
        assert 400 <= reply.status_code < 500, (body[:40], reply.text)
        assert json.loads(reply.content, parse_constant=no_constant)["detail"]
    print(f"S5 {path}: {dict(statuses)}")


@pytest.mark.parametrize("path", PATHS)
def test_s5_values_that_are_no_finite_numbers_of_the_contract_get_422_that_names_them(client, contract, path):
    fine = bundles.example(contract)
    statuses = Counter()
    for field in ("Age Years", "bill.max", "plan.type"):
        rest = json.dumps({name: value for name, value in fine.items() if name != field})
        for value in VALUES:
            text = PATHS[path] % f"{rest[:-1]}, {json.dumps(field)}: {value}}}"
            reply = client.post(path, content=text.encode())
            statuses[reply.status_code] += 1
            body = json.loads(reply.content, parse_constant=no_constant)
            if reply.status_code == 200:  # a number between 0 and 1 is one, however long
                assert value in ("1e-400", "0." + "1" * 5000)
                continue
            assert reply.status_code in (400, 422), (value[:20], reply.text[:200])
            if reply.status_code == 422:
                assert [p["field"].removeprefix("inputs[0].") for p in body["problems"]] == [field]
    print(f"S5 {path}: {dict(statuses)}")
    assert set(statuses) <= {200, 400, 422}
    assert statuses[422] > 40


def test_s5_other_fields_of_the_body_are_read_as_strictly(client, contract):
    values = bundles.example(contract)
    for name in ("key", "inference_id"):
        for value in ("NaN", "1e400", "9" * 5000, "[[]]", "{}", "true"):
            text = f'{{"input": {json.dumps(values)}, "{name}": {value}}}'
            reply = client.post("/v1/predict", content=text)
            assert reply.status_code in (400, 422)
            assert json.loads(reply.content, parse_constant=no_constant)["detail"]
    for name in ("inference_id", "label", "observed_at"):
        for value in ("NaN", "1e400", "9" * 5000, "[[]]", "{}"):
            fine = {"inference_id": '"01a2106f-57ca-7f39-a2d4-1b7fadb8b81d"', "label": "1"}
            text = ", ".join(f'"{n}": {v}' for n, v in {**fine, name: value}.items())
            reply = client.post("/v1/outcomes", content=f"{{{text}}}")
            assert reply.status_code in (400, 422)
            assert json.loads(reply.content, parse_constant=no_constant)["detail"]


def test_s8_a_batch_over_the_limit_gets_422_that_names_it(client, contract, database_url):
    rows_sent = [bundles.example(contract)] * 1001
    reply = client.post("/v1/predict/batch", json={"inputs": rows_sent})
    assert reply.status_code == 422
    assert reply.json()["problems"] == [
        {"field": "inputs", "message": "holds 1001 inputs; the limit is 1000 in one request"}
    ]
    assert rows(database_url, "SELECT count(*) FROM ml.inference_logs") == [(0,)]
    assert client.post("/v1/predict/batch", json={"inputs": rows_sent[:1000]}).status_code == 200
    assert rows(database_url, "SELECT count(*) FROM ml.inference_logs") == [(1000,)]


def test_s8_unknown_categories_and_missing_fields_are_named_alone_and_in_a_batch(client, contract, database_url):
    fine = bundles.example(contract)
    unknown = {**fine, "plan.type": "gold"}
    missing = {name: value for name, value in fine.items() if name != "Age Years"}
    for values, field, word in ((unknown, "plan.type", "must be one of"), (missing, "Age Years", "is missing")):
        one = client.post("/v1/predict", json={"input": values})
        many = client.post("/v1/predict/batch", json={"inputs": [fine, values, fine]})
        assert (one.status_code, many.status_code) == (422, 422)
        for reply, name in ((one, field), (many, f"inputs[1].{field}")):
            ((problem),) = reply.json()["problems"]
            assert problem["field"] == name
            assert problem["message"].startswith(word)
    assert rows(database_url, "SELECT count(*) FROM ml.inference_logs") == [(0,)]


def test_s8_what_was_ignored_or_taken_as_null_is_flagged_in_the_log(client, contract, database_url):
    values = bundles.example(contract)
    del values["signal.min"]
    expected = ['"colour" is no field of the contract: ignored', '"signal.min" is missing: taken as null']
    client.post("/v1/predict", json={"input": {**values, "colour": "red"}})
    client.post("/v1/predict/batch", json={"inputs": [{**values, "colour": "red"}]})
    assert rows(database_url, "SELECT warnings FROM ml.inference_logs") == [(expected,), (expected,)]
