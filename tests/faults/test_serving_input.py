"""X3: SQL in JSON is data, and the role of the service could not change a table's shape anyway."""

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
