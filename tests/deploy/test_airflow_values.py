"""The values for Airflow's chart: against Airflow's own list of options, and against the manifests beside it."""

import re
from importlib.resources import files
from typing import Any

import pytest
import yaml

from ml.settings import Settings
from stack import airflow_metrics
from tests.deploy.manifests import HELM, REPOSITORY, environment, of, pods, rolling, secrets, selects

VALUES = yaml.safe_load((HELM / "airflow-values.yaml").read_text())
GIT_SYNC = yaml.safe_load((HELM / "git-sync-values.yaml").read_text())
OF_THE_PROVIDER = {"kubernetes_executor"}
"""Sections whose options the provider brings, which is not installed here."""


def _locked(path: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", (REPOSITORY / path).read_text(), re.MULTILINE))


def test_every_option_is_one_of_this_airflow():
    known = yaml.safe_load(files("airflow").joinpath("config_templates", "config.yml").read_text())
    for section, options in VALUES["config"].items():
        if section not in OF_THE_PROVIDER:
            assert options.keys() <= known[section]["options"].keys(), section
        assert all(isinstance(value, str) for value in options.values())


def test_the_chart_deploys_the_airflow_that_is_locked():
    assert VALUES["airflowVersion"] == _locked("requirements.txt")["apache-airflow"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", VALUES["defaultAirflowTag"])


def test_the_image_has_the_executor_and_the_auth_manager_and_has_nothing_twice():
    added = _locked("deploy/helm/requirements.txt")
    assert VALUES["executor"] == "KubernetesExecutor"
    assert "apache-airflow-providers-cncf-kubernetes" in added
    assert VALUES["config"]["core"]["auth_manager"].startswith("airflow.providers.fab.")
    assert "apache-airflow-providers-fab" in added
    assert not added.keys() & _locked("requirements.txt").keys()


def test_keys_and_the_connection_come_from_a_secret_with_the_names_that_the_chart_wants():
    wanted = {
        "connection": VALUES["data"]["metadataSecretName"],
        "fernet-key": VALUES["fernetKeySecretName"],
        "api-secret-key": VALUES["apiSecretKeySecretName"],
        "jwt-secret": VALUES["jwtSecretName"],
    }
    for key, name in wanted.items():
        assert key in of(secrets(), "Secret")[name]["stringData"]


def test_no_secret_is_written_down_and_no_default_password_is_made():
    assert VALUES["createUserJob"] == {"enabled": False}
    for path, value in _leaves(VALUES) + _leaves(GIT_SYNC):
        name = path.rpartition(".")[2].lower()
        if any(word in name for word in ("password", "pass", "secret", "key", "token")):
            assert name.endswith("name") or name == "credentialssecret", path
        assert "@" not in str(value) or "://" not in str(value), path


def _leaves(value: Any, path: str = "") -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [leaf for key, below in value.items() for leaf in _leaves(below, f"{path}.{key}")]
    if isinstance(value, list):
        return [leaf for below in value for leaf in _leaves(below, path)]
    return [(path, value)]


def test_tasks_are_told_what_the_rest_of_the_platform_is_told(monkeypatch: pytest.MonkeyPatch):
    container = {"env": VALUES["env"], "envFrom": yaml.safe_load(VALUES["extraEnvFrom"])}
    variables = environment(container, rolling())
    for name, value in variables.items():
        monkeypatch.setenv(name, value or "something")
    assert Settings().mlflow_tracking_uri == of(rolling(), "ConfigMap")["platform"]["data"]["ML_MLFLOW_TRACKING_URI"]
    connection = VALUES["config"]["logging"]["remote_log_conn_id"]
    assert f"AIRFLOW_CONN_{connection.upper()}" in variables


def test_airflow_tells_of_itself_as_it_does_on_one_machine():
    (port,) = of(rolling(), "Service")["platform-metrics"]["spec"]["ports"]
    url = f"http://platform-metrics:{port['port']}/v1/metrics"
    expected = airflow_metrics.settings({airflow_metrics.VARIABLE: url})
    told = {v["name"]: v["value"] for v in VALUES["env"]}
    told |= {f"AIRFLOW__METRICS__{name.upper()}": value for name, value in VALUES["config"]["metrics"].items()}
    assert {name: told[name] for name in expected} == expected


def test_git_sync_changes_where_dags_come_from_and_nothing_else_that_tasks_are_told():
    names = {v["name"]: v["value"] for v in GIT_SYNC["env"]}
    assert {v["name"]: v["value"] for v in VALUES["env"]}.items() <= names.items()
    # An option of the image's environment counts for more than one of airflow.cfg.
    changed = {"AIRFLOW__CORE__DAGS_FOLDER", "AIRFLOW__CORE__PLUGINS_FOLDER", "PYTHONPATH"}
    assert names.keys() - {v["name"] for v in VALUES["env"]} == changed
    image = (REPOSITORY / "Dockerfile.airflow").read_text()
    assert all(f" {name}=" in image for name in changed)
    checkout = f"{VALUES['airflowHome']}/dags/repo"
    assert names["AIRFLOW__CORE__DAGS_FOLDER"] == f"{checkout}/{GIT_SYNC['dags']['gitSync']['subPath']}"
    assert names["AIRFLOW__CORE__PLUGINS_FOLDER"] in names["PYTHONPATH"].split(":")
    assert GIT_SYNC["dags"]["gitSync"]["branch"] == GIT_SYNC["dags"]["gitSync"]["ref"]


def test_mlflow_lets_the_pods_in_and_their_volume_exists():
    objects = rolling()
    (rule,) = of(objects, "NetworkPolicy")["mlflow"]["spec"]["ingress"]
    assert any(selects(p["podSelector"], VALUES["labels"]) for p in rule["from"] if "namespaceSelector" not in p)
    # A policy for what goes out would cut the pods off from the API server and from each other.
    for policy in of(objects, "NetworkPolicy").values():
        assert not selects(policy["spec"]["podSelector"], VALUES["labels"])
    claims = of(objects, "PersistentVolumeClaim")
    (claim,) = (v["persistentVolumeClaim"]["claimName"] for v in VALUES["volumes"] if "persistentVolumeClaim" in v)
    assert claims[claim]["spec"]["accessModes"] == ["ReadWriteMany"]
    assert {m["name"] for m in VALUES["volumeMounts"]} == {v["name"] for v in VALUES["volumes"]}


def test_the_api_server_is_reached_under_the_address_that_tasks_are_told():
    (port,) = VALUES["apiServer"]["networkPolicy"]["ingress"]["ports"]
    assert VALUES["config"]["core"]["execution_api_server_url"].endswith(
        f"//airflow-api-server:{port['port']}/execution/"
    )
    hosts = [host["name"] for host in VALUES["ingress"]["apiServer"]["hosts"]]
    assert VALUES["config"]["api"]["base_url"] == f"https://{hosts[0]}"


def test_the_images_run_as_the_users_that_they_were_built_for():
    users = {("ml-platform-airflow", VALUES["uid"])}
    for pod in pods(rolling()):
        users |= {(c["image"].partition(":")[0], pod.spec["securityContext"]["runAsUser"]) for c in pod.containers()}
    sources = {
        "ml-platform-airflow": "Dockerfile.airflow",
        "ml-platform-serving": "Dockerfile.serving",
        "ml-platform-mlflow": "deploy/mlflow/Dockerfile",
    }
    for image, user in users:
        assert f"USER {user}:" in (REPOSITORY / sources[image]).read_text()


def test_the_pods_pass_the_profile_of_the_namespace():
    pod, container = VALUES["securityContexts"]["pod"], VALUES["securityContexts"]["containers"]
    assert pod["runAsNonRoot"] is True
    assert pod["runAsUser"] == VALUES["uid"] > 0
    assert pod["seccompProfile"] == {"type": "RuntimeDefault"}
    for own in (container, GIT_SYNC["dags"]["gitSync"]["securityContexts"]["container"]):
        assert own["allowPrivilegeEscalation"] is False
        assert own["readOnlyRootFilesystem"] is True
        assert own["capabilities"] == {"drop": ["ALL"]}


def test_every_part_has_requests_and_limits():
    parts = [VALUES[name] for name in ("apiServer", "scheduler", "dagProcessor", "migrateDatabaseJob", "cleanup")]
    parts += [VALUES["workers"]["kubernetes"], GIT_SYNC["dags"]["gitSync"]]
    parts += [VALUES[name]["logGroomerSidecar"] for name in ("scheduler", "dagProcessor")]
    for part in parts:
        for kind in ("requests", "limits"):
            assert part["resources"][kind].keys() == {"cpu", "memory"}
