"""Who is let in on the running stack: no route without credentials, no foreign Host, no database of another part."""

from __future__ import annotations

import httpx
import pytest

OPEN = {
    "ML_AIRFLOW_PORT": {
        # Health and version, the pages' own files, and what logs a person in or out.
        "/api/v2/monitor/health", "/api/v2/version", "/auth/token", "/auth/token/login", "/auth/token/cli",
        "/auth/login", "/auth/logout", "/api/v2/auth/login", "/api/v2/auth/logout",
    },
    "ML_SERVING_PORT": {"/health", "/ready"},
}  # fmt: skip
REFUSED = {401, 403}


def anonymous(stack, variable):
    return httpx.Client(base_url=stack.url(variable), trust_env=False, timeout=30)


def operations(document):
    for path, methods in document["paths"].items():
        for method in methods:
            if method in {"get", "post", "put", "patch", "delete"}:
                yield method, path


def fill(path):
    """Something for each variable of a path."""
    parts = path.split("/")
    return "/".join("1" if part.startswith("{") else part for part in parts)


def test_no_route_of_airflow_answers_without_a_login(stack):
    document = stack.airflow._http.get("/openapi.json").json()
    with anonymous(stack, "ML_AIRFLOW_PORT") as client:
        answers = {
            (method, path): client.request(method, fill(path)).status_code
            for method, path in operations(document)
            if path not in OPEN["ML_AIRFLOW_PORT"]
        }
    print(f"\n  compose: {len(answers)} operations of Airflow asked without a login")
    assert len(answers) > 80
    assert {found: status for found, status in answers.items() if status not in REFUSED} == {}


@pytest.mark.parametrize("path", ["/", "/use-cases/bank_marketing", "/dag", "/run", "/lineage", "/no/such/page",
                                  "/use-cases/bank_marketing/reports/drift/1"])  # fmt: skip
def test_the_platforms_page_answers_nobody_without_a_login(stack, path):
    with anonymous(stack, "ML_AIRFLOW_PORT") as client:
        assert client.get(f"/platform{path}").status_code in REFUSED


def test_no_route_of_mlflow_answers_without_a_login(stack):
    paths = [
        ("POST", "/api/2.0/mlflow/experiments/search"), ("GET", "/api/2.0/mlflow/registered-models/search"),
        ("POST", "/api/2.0/mlflow/runs/search"), ("POST", "/api/2.0/mlflow/registered-models/alias"),
        ("POST", "/api/2.0/mlflow/model-versions/transition-stage"), ("GET", "/get-artifact?run_id=1&path=a"),
        ("GET", "/model-versions/get-artifact?name=a&version=1&path=a"), ("POST", "/graphql"), ("GET", "/"),
        ("GET", "/ajax-api/2.0/mlflow/experiments/search?max_results=1"), ("POST", "/v1/traces"), ("GET", "/signup"),
        ("GET", "/api/2.0/mlflow/users/get?username=a"), ("POST", "/api/2.0/mlflow/users/create"),
        ("GET", "/api/2.0/mlflow-artifacts/artifacts"), ("GET", "/static-files/../../etc/passwd"),
    ]  # fmt: skip
    with anonymous(stack, "ML_MLFLOW_PORT") as client:
        assert client.get("/health").status_code == 200
        answers = {path: client.request(method, path, json={}).status_code for method, path in paths}
        assert {path: status for path, status in answers.items() if status not in REFUSED | {404, 405}} == {}
        assert sum(status in REFUSED for status in answers.values()) >= 12


def test_no_route_of_the_api_answers_without_a_key(stack):
    document = stack.serving.get("/openapi.json").json()
    with anonymous(stack, "ML_SERVING_PORT") as client:
        asked = [*operations(document), ("get", "/metrics"), ("get", "/docs"), ("get", "/openapi.json"), ("get", "/no")]
        answers = {
            p: client.request(m, fill(p), json={}).status_code for m, p in asked if p not in OPEN["ML_SERVING_PORT"]
        }
        assert set(answers.values()) == {401}, answers
        for path in OPEN["ML_SERVING_PORT"]:
            assert client.get(path).status_code in {200, 503}


@pytest.mark.parametrize(("user", "password"), [("admin", "admin"), ("admin", "password1234"), ("airflow", "airflow")])
def test_no_default_password_works(stack, user, password):
    token = httpx.post(
        f"{stack.url('ML_AIRFLOW_PORT')}/auth/token", json={"username": user, "password": password}, trust_env=False
    )
    assert token.status_code in REFUSED
    asked = httpx.get(
        f"{stack.url('ML_MLFLOW_PORT')}/api/2.0/mlflow/registered-models/search", auth=(user, password), trust_env=False
    )
    assert asked.status_code in REFUSED


def test_the_object_store_wants_its_keys(stack):
    assert httpx.get(f"{stack.url('ML_S3_PORT')}/landing", trust_env=False).status_code == 403


@pytest.mark.parametrize("variable", ["ML_MLFLOW_PORT", "ML_SERVING_PORT"])
def test_a_foreign_host_is_refused(stack, variable):
    client = {"ML_MLFLOW_PORT": stack.mlflow, "ML_SERVING_PORT": stack.serving}[variable]
    path = {"ML_MLFLOW_PORT": "/api/2.0/mlflow/registered-models/search", "ML_SERVING_PORT": "/v1/model"}[variable]
    assert client.get(path).status_code in {200, 503}
    assert client.get(path, headers={"host": "evil.example"}).status_code in {400, 403}


def test_a_forwarded_host_is_no_way_around(stack):
    forwarded = {"x-forwarded-host": "evil.example"}
    assert stack.serving.get("/v1/model", headers=forwarded).status_code == 400
    with anonymous(stack, "ML_MLFLOW_PORT") as client:
        for headers in (forwarded, {"x-forwarded-for": "127.0.0.1"}, {"x-forwarded-user": "admin"}):
            reply = client.get("/api/2.0/mlflow/registered-models/search", headers=headers)
            assert reply.status_code in REFUSED


@pytest.mark.parametrize("database", ["airflow", "mlflow", "postgres"])
def test_serving_reaches_no_database_but_the_platforms(stack, database):
    script = (
        "import os, psycopg2; u = os.environ['SERVING_DATABASE_URL'].rsplit('/', 1)[0]\n"
        f"psycopg2.connect(u + '/{database}')"
    )
    refused = stack.compose("exec", "-T", "serving", "python", "-c", script, check=False)
    assert refused.returncode == 1
    assert "pg_hba.conf" in refused.stderr


@pytest.mark.parametrize("host", ["airflow-api", "airflow-scheduler", "seaweedfs"])
def test_serving_sees_neither_airflow_nor_the_object_store(stack, host):
    looked = stack.compose(
        "exec", "-T", "serving", "python", "-c", f"import socket; socket.gethostbyname('{host}')", check=False
    )
    assert "gaierror" in looked.stderr


def test_servings_role_changes_no_table(stack):
    script = (
        "import os, psycopg2; c = psycopg2.connect(os.environ['SERVING_DATABASE_URL']).cursor()\n"
        "c.execute('CREATE TABLE ml.mine (a int)')"
    )
    refused = stack.compose("exec", "-T", "serving", "python", "-c", script, check=False)
    assert "permission denied" in refused.stderr


def test_only_loopback_is_listened_on(stack):
    published = stack.docker(
        "ps", "--filter", "label=com.docker.compose.project=ml-platform-test", "--format", "{{.Ports}}"
    )
    ports = [entry for line in published.splitlines() for entry in line.split(", ") if "->" in entry]
    assert len(ports) == 4
    assert all(entry.startswith("127.0.0.1:") for entry in ports), ports
