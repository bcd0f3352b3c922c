"""The newcomer's path: the tutorial's commands, in order, on a fresh clone and in an empty environment."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.conftest import REPOSITORY
from tests.docs.tutorial import blocks, script

pytestmark = [pytest.mark.stack, pytest.mark.timeout(1200)]

TUTORIAL = REPOSITORY / "docs" / "tutorial.md"
SAMPLE = {
    "mean radius": 12.4, "mean texture": 14.2, "mean smoothness": 0.09, "mean concavity": 0.02,
    "worst area": 560, "worst symmetry": 0.25,
}  # fmt: skip


def free_ports(count: int) -> list[int]:
    """Ports of which the last has a free one above it, for the API of the second use case."""
    while True:
        probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
        ports = [probe.getsockname()[1] for probe in probes]
        for probe in probes:
            probe.close()
        try:
            with socket.create_server(("127.0.0.1", ports[-1] + 1)):
                return ports
        except OSError:
            continue


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("newcomer") / "ml-platform"
    subprocess.run(["git", "clone", "--quiet", str(REPOSITORY), str(folder)], check=True)
    return folder


@pytest.fixture(scope="module")
def served(clone: Path) -> Iterator[str]:
    """Address of the new use case's API, after the whole tutorial was typed."""
    airflow, mlflow, serving = free_ports(3)
    # A login shell has these and no more; the home folder has the package index's settings and what was downloaded.
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": os.environ["HOME"],
        "LANG": "C.UTF-8",
        "ML_AIRFLOW_PORT": str(airflow),
        "ML_MLFLOW_PORT": str(mlflow),
        "ML_SERVING_PORT": str(serving),
    }
    typed = script(clone / "docs" / "tutorial.md", ports={8001: serving + 1})
    try:
        done = subprocess.run(
            ["bash", "-c", typed], cwd=clone, env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        print(done.stdout)
        assert done.returncode == 0, done.stdout[-6000:]
        yield f"http://127.0.0.1:{serving + 1}"
    finally:
        if (clone / ".venv").exists():
            subprocess.run(["make", "down"], cwd=clone, env=environment, check=True, capture_output=True)


def test_a_new_use_case_is_trained_promoted_and_served(served):
    model = httpx.get(f"{served}/v1/model", trust_env=False).json()
    answer = httpx.post(f"{served}/predict", json={"input": SAMPLE}, trust_env=False).json()

    assert (model["use_case"], model["model_name"], model["model_version"]) == ("tissue", "tissue-model", "1")
    assert model["metrics"]["roc_auc"] > 0.9
    assert (answer["class"], answer["model_version"]) == (0, "1")


def test_the_newcomers_own_prediction_was_of_the_positive_class(served, clone):
    answer = json.loads((clone / "answer.json").read_text())

    assert (answer["class"], answer["model_version"], answer["warnings"]) == (1, "1", [])


def test_the_dags_of_the_new_use_case_are_there(served, clone):
    ports = json.loads((clone / ".local" / "stack.json").read_text())
    airflow = f"http://127.0.0.1:{ports['ML_AIRFLOW_PORT']}"
    login = {"username": "admin", "password": "admin"}
    token = httpx.post(f"{airflow}/auth/token", json=login, trust_env=False).json()["access_token"]
    headers = {"authorization": f"Bearer {token}"}
    dags = httpx.get(f"{airflow}/api/v2/dags", params={"limit": 100}, headers=headers, trust_env=False).json()["dags"]

    expected = {f"tissue_{name}" for name in ("ingest", "validate", "train", "promote", "score", "drift", "outcomes")}
    assert expected <= {dag["dag_id"] for dag in dags}


def test_the_tutorial_leaves_nothing_that_git_would_commit_but_the_use_case(served, clone):
    new = subprocess.run(
        ["git", "status", "--porcelain", "--untracked-files=all"], cwd=clone, capture_output=True, text=True, check=True
    ).stdout.split()[1::2]

    assert sorted(new) == [
        "answer.json", "data/tissue/contract.yaml", "data/tissue/model.yaml", "more.csv", "samples.csv",
    ]  # fmt: skip


def test_the_tutorial_has_blocks_to_type():
    assert len(blocks(TUTORIAL)) >= 10
