"""The variables that pods get are settings, and can be used as they are."""

import re
from typing import Any

import pytest
from mlflow import environment_variables
from pydantic_settings import BaseSettings

from ml.settings import Settings
from serving.settings import ServingSettings
from tests.deploy.manifests import REPOSITORY, Object, environment, of, pods, secrets

FILLED = "postgresql://somebody:something@postgres/something"


def _known_to_the_code() -> set[str]:
    """Settings, and variables that code or the images' start scripts read by name."""
    fields: set[str] = set()
    for settings in (Settings, ServingSettings):
        fields |= {f"{settings.model_config['env_prefix']}{name.upper()}" for name in settings.model_fields}
    sources = [p for folder in ("ml", "dags", "plugins", "deploy") for p in (REPOSITORY / folder).rglob("*.py")]
    sources += (REPOSITORY / "deploy").glob("*/start.sh")
    read = {name for path in sources for name in re.findall(r"\bM(?:L|LFLOW)_[A-Z_]+\b", path.read_text())}
    mlflows = {v.name for v in vars(environment_variables).values() if hasattr(v, "name")}
    return fields | read | mlflows | {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"}


def _settings(kind: type[BaseSettings], variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in variables.items():
        monkeypatch.setenv(name, value or FILLED)
    return kind()


def _serving(objects: list[Object]) -> list[Object]:
    return [p.spec["containers"][0] for p in pods(objects) if p.owner["kind"] == "StatefulSet"]


def test_every_variable_is_one_that_somebody_reads(objects: list[Object]):
    known = _known_to_the_code() | {
        # Read by name in MLflow's app for basic auth, which has no list of them.
        "MLFLOW_AUTH_ADMIN_USERNAME", "MLFLOW_AUTH_ADMIN_PASSWORD",
    }  # fmt: skip
    for pod in pods(objects):
        for container in pod.containers():
            assert environment(container, objects).keys() <= known


def test_the_settings_of_the_api_can_be_used(objects: list[Object], monkeypatch: pytest.MonkeyPatch):
    for container in _serving(objects):
        settings = _settings(ServingSettings, environment(container, objects), monkeypatch)
        assert settings.port == container["ports"][0]["containerPort"]
        assert settings.host == "0.0.0.0"
        assert settings.mlflow_username


def test_the_keys_of_the_api_are_read_from_the_secret_that_is_mounted(objects: list[Object]):
    for container in _serving(objects):
        (mount,) = (m for m in container["volumeMounts"] if m["name"] == "keys")
        folder, _, name = environment(container, objects)["SERVING_API_KEYS_FILE"].rpartition("/")
        assert mount["mountPath"] == folder
        assert "subPath" not in mount  # one of those would never change
        assert name in of(secrets(), "Secret")["serving-api-keys"]["stringData"]


def test_the_spool_and_the_cache_lie_on_the_volume_that_outlives_the_pod_and_fit_on_it(objects: list[Object]):
    for found in of(objects, "StatefulSet").values():
        (claim,) = found["spec"]["volumeClaimTemplates"]
        (container,) = found["spec"]["template"]["spec"]["containers"]
        (mount,) = (m for m in container["volumeMounts"] if m["name"] == claim["metadata"]["name"])
        variables = environment(container, objects)
        for name in ("SERVING_SPOOL_DIR", "SERVING_CACHE_DIR"):
            assert variables[name].startswith(f"{mount['mountPath']}/")
        gibibytes = int(claim["spec"]["resources"]["requests"]["storage"].removesuffix("Gi"))
        assert 2 * int(variables["SERVING_SPOOL_MAX_BYTES"]) <= gibibytes * 1024**3
        assert claim["spec"]["accessModes"] == ["ReadWriteOncePod"]
        assert set(found["spec"]["persistentVolumeClaimRetentionPolicy"].values()) == {"Retain"}


def test_a_pod_of_the_api_has_time_to_finish_what_it_accepted(objects: list[Object], monkeypatch: pytest.MonkeyPatch):
    for found in of(objects, "StatefulSet").values():
        spec = found["spec"]["template"]["spec"]
        (container,) = spec["containers"]
        settings = _settings(ServingSettings, environment(container, objects), monkeypatch)
        before = container["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert spec["terminationGracePeriodSeconds"] >= before + settings.request_seconds + settings.read_seconds


def test_the_settings_of_the_platforms_code_can_be_used(objects: list[Object], monkeypatch: pytest.MonkeyPatch):
    (pod,) = (p for p in pods(objects) if p.labels["app.kubernetes.io/name"] == "registry-sync")
    for container in pod.containers():
        settings = _settings(Settings, environment(container, objects), monkeypatch)
        assert (
            settings.mlflow_tracking_uri == of(objects, "ConfigMap")["serving"]["data"]["SERVING_MLFLOW_TRACKING_URI"]
        )


def test_mlflow_is_asked_by_a_name_that_it_answers_to(objects: list[Object]):
    (address,) = {
        v for c in of(objects, "ConfigMap").values() for k, v in c["data"].items() if k.endswith("TRACKING_URI")
    }
    scheme, _, host = address.partition("://")
    service = of(objects, "Service")[host.partition(":")[0]]
    assert scheme == "http"
    assert int(host.partition(":")[2]) == service["spec"]["ports"][0]["port"]
    assert host in of(objects, "ConfigMap")["mlflow"]["data"]["MLFLOW_ALLOWED_HOSTS"].split(",")
