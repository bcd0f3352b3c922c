"""What the images hold and how their containers run: no secret, no root, no capability, nothing to write to."""

from __future__ import annotations

import json

import pytest

from tests.compose.conftest import CANARY

IMAGES = ("airflow", "serving", "mlflow", "seaweedfs")
SERVICES = (
    "postgres", "seaweedfs", "mlflow", "registry-sync", "airflow-api", "airflow-scheduler", "airflow-dag-processor",
    "serving",
)  # fmt: skip
MEGABYTE = 1_000_000


def inspected(stack, what):
    return json.loads(stack.docker("inspect", what))[0]


def image(name):
    return f"ml-platform-{name}:test"


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_is_not_root_and_says_what_it_is(stack, name):
    config = inspected(stack, image(name))["Config"]
    assert config["User"].split(":")[0] not in ("", "0", "root")
    assert config["Healthcheck"]["Test"]
    assert config["Labels"]["org.opencontainers.image.title"] == f"ml-platform-{name}"
    assert config["Labels"]["org.opencontainers.image.version"] == "test"


def test_the_image_of_the_api_is_small(stack):
    sizes = {name: inspected(stack, image(name))["Size"] / MEGABYTE for name in IMAGES}
    print("\n  compose: megabytes of the images: " + ", ".join(f"{n} {s:.0f}" for n, s in sizes.items()))
    assert sizes["serving"] < 350


@pytest.mark.parametrize("name", IMAGES)
def test_no_secret_of_the_stack_is_in_an_image(stack, name):
    """All were made before the images were built; one more, the canary, lay in the folders that are copied."""
    secrets = [CANARY] + [value for key, value in stack.secrets.items() if len(value) >= 32 and key.isupper()]
    assert len(secrets) >= 20
    told = stack.docker("history", "--no-trunc", image(name)) + stack.docker("inspect", image(name))
    assert [s for s in secrets if s in told] == []
    patterns = [argument for secret in secrets for argument in ("-e", secret)]
    found = stack.docker(
        "run", "--rm", "--user=0", "--network=none", "--entrypoint=grep", image(name),
        "-rlF", "--exclude-dir=proc", "--exclude-dir=sys", *patterns, "/", check=False,
    )  # fmt: skip
    assert found == ""


@pytest.mark.parametrize("name", ["airflow", "serving", "mlflow"])
def test_no_build_tool_and_no_data_is_left(stack, name):
    left = stack.docker(
        "run", "--rm", "--network=none", "--entrypoint=sh", image(name), "-c",
        "ls /build /opt/platform/data/*/landing /opt/venv/bin/pip 2>/dev/null; command -v uv gcc make git; true",
    )  # fmt: skip
    assert left == ""


@pytest.mark.parametrize("service", SERVICES)
def test_a_container_has_no_rights_it_does_not_need(stack, service):
    found = inspected(stack, stack.container(service))
    host = found["HostConfig"]
    assert found["Config"]["User"].split(":")[0] not in ("", "0", "root")
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert not host["Privileged"]
    assert host["ReadonlyRootfs"]
    assert "no-new-privileges:true" in host["SecurityOpt"]
    assert host["Memory"] > 0
    assert host["NanoCpus"] > 0
    assert host["PidsLimit"] > 0
    assert host["RestartPolicy"]["Name"] == "unless-stopped"
    assert host["LogConfig"]["Config"] == {"max-size": "10m", "max-file": "3"}


@pytest.mark.parametrize("service", SERVICES)
def test_a_process_has_no_capability_and_writes_nowhere_but_where_it_must(stack, service):
    status = stack.compose(
        "exec", "-T", service, "sh", "-c", "grep -E '^(CapEff|Uid)' /proc/1/status; touch /usr/x 2>&1; true"
    )
    facts = dict(line.split(":", 1) for line in status.stdout.splitlines() if line.startswith(("CapEff", "Uid")))
    assert int(facts["CapEff"], 16) == 0
    assert "0" not in facts["Uid"].split()
    assert "Read-only file system" in status.stdout


def test_no_secret_is_in_the_logs_of_the_containers_or_of_the_tasks(stack, production):
    secrets = [value for key, value in stack.secrets.items() if len(value) >= 32 and key.isupper()]
    told = stack.compose("logs", "--no-color").stdout
    for entry in stack.s3.list_objects_v2(Bucket="airflow-logs")["Contents"]:
        told += stack.s3.get_object(Bucket="airflow-logs", Key=entry["Key"])["Body"].read().decode(errors="replace")
    assert len(told) > 10_000
    assert [key for key, value in stack.secrets.items() if value in secrets and value in told] == []
