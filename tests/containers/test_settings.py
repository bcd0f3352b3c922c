"""What the containers are told: secrets are made once, and without them nothing starts."""

from __future__ import annotations

import base64
import hashlib
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from ml.store import METRICS_ROLE
from serving.keys import ApiKeys
from stack import airflow_metrics
from tests.conftest import REPOSITORY

MAKE_ENV = REPOSITORY / "deploy" / "make_env.sh"
PROMETHEUS = (REPOSITORY / "deploy" / "prometheus" / "prometheus.yml").read_text()
COMPOSE = (REPOSITORY / "docker-compose.yaml").read_text()
NEEDED = set(re.findall(r"\$\{([A-Z0-9_]+):\?", COMPOSE))


def variables(path: Path) -> dict[str, str]:
    lines = (line.partition("=") for line in path.read_text().splitlines() if re.match("[A-Z]", line))
    return {name: value for name, _, value in lines}


@pytest.fixture
def made(tmp_path):
    subprocess.run(["sh", MAKE_ENV, tmp_path], check=True, capture_output=True)
    return tmp_path


def test_every_secret_is_made_and_no_two_are_alike(made):
    secrets = variables(made / ".env")
    assert set(secrets) >= NEEDED
    assert all(len(value) >= 44 for value in secrets.values())
    assert len(set(secrets.values())) == len(secrets)
    assert len(base64.urlsafe_b64decode(secrets["AIRFLOW_FERNET_KEY"])) == 32
    assert (made / ".env").stat().st_mode & 0o777 == 0o600


def test_what_is_there_is_not_overwritten(made):
    before = (made / ".env").read_bytes(), (made / ".keys" / "api_keys").read_bytes()
    subprocess.run(["sh", MAKE_ENV, made], check=True, capture_output=True)
    assert ((made / ".env").read_bytes(), (made / ".keys" / "api_keys").read_bytes()) == before


def test_the_service_takes_the_keys_and_their_file_holds_none_of_them(made):
    secrets, keys = variables(made / ".env"), ApiKeys(made / ".keys" / "api_keys")
    assert keys.name_of(secrets["SERVING_API_KEY"].encode()) == "operator"
    assert keys.name_of(secrets["SERVING_METRICS_KEY"].encode()) == "prometheus"
    assert keys.name_of(b"another") is None
    text = (made / ".keys" / "api_keys").read_text()
    assert secrets["SERVING_API_KEY"] not in text
    assert hashlib.sha256(secrets["SERVING_API_KEY"].encode()).hexdigest() in text


def test_a_copy_of_the_example_starts_nothing():
    example = variables(REPOSITORY / ".env.example")
    assert set(example) == NEEDED | {"SERVING_API_KEY"}
    assert set(example.values()) == {""}, "empty, which compose refuses"
    for name in example:
        used = re.findall(rf"\$\{{{name}[^}}]*\}}", COMPOSE)
        assert all(use == f"${{{name}:?run make env}}" for use in used), (name, used)


def test_every_service_is_held_within_limits():
    services = yaml.safe_load(COMPOSE)["services"]
    for name, service in services.items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["read_only"] is True, name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["mem_limit"], name
        assert service["logging"]["options"]["max-size"], name
        assert all(str(port).startswith("127.0.0.1:") for port in service.get("ports", ())), name
        image = service["image"]
        assert "latest" not in image, name
        assert ":" in image, name


def test_serving_shares_no_network_with_airflow_or_the_object_store():
    services = yaml.safe_load(COMPOSE)["services"]
    reached = {n for n, s in services.items() if set(s["networks"]) & set(services["serving"]["networks"])}
    assert reached == {"serving", "postgres", "mlflow", "prometheus"}


def test_metrics_of_the_platform_are_read_by_a_role_of_their_own_and_reach_prometheus_only():
    services = yaml.safe_load(COMPOSE)["services"]
    told = services["platform-metrics"]
    assert told["profiles"] == services["prometheus"]["profiles"] == services["grafana"]["profiles"] == ["monitoring"]
    assert told["environment"].keys() == {"ML_DATABASE_URL"}
    assert told["environment"]["ML_DATABASE_URL"].startswith(f"postgresql://{METRICS_ROLE}:")
    assert "ports" not in told
    assert set(told["networks"]) & set(services["prometheus"]["networks"]) == {"monitoring"}
    assert not set(services["grafana"]["networks"]) & {"platform", "serving"}


def test_airflow_tells_of_itself_as_it_does_on_one_machine():
    (job,) = (j for j in yaml.safe_load(PROMETHEUS)["scrape_configs"] if j["job_name"] == "platform")
    (target,) = job["static_configs"][0]["targets"]
    variables = yaml.safe_load(COMPOSE)["services"]["airflow-scheduler"]["environment"]
    expected = airflow_metrics.settings({airflow_metrics.VARIABLE: f"http://{target}/v1/metrics"})
    expected["AIRFLOW__METRICS__OTEL_ON"] = "${AIRFLOW_METRICS:-False}"
    assert {name: variables[name] for name in expected} == expected


def test_where_notices_go_is_told_to_all_of_airflow_and_is_nowhere_unless_it_is_set():
    services = yaml.safe_load(COMPOSE)["services"]
    airflow = [service["environment"] for name, service in services.items() if name.startswith("airflow-")]
    assert len(airflow) == 4
    assert all(environment["AIRFLOW_CONN_ML_ALERTS"] is None for environment in airflow)
    assert "AIRFLOW_CONN_ML_ALERTS" not in variables(REPOSITORY / ".env.example")
