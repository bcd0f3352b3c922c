"""`mlp` in the containers: the folders that the image has, and no embedded stack."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

DOCKERFILE = (REPOSITORY / "Dockerfile.airflow").read_text(encoding="utf-8")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """The folders of the repository that the image of Airflow has."""
    for folder in re.findall(r"^COPY (\S+) /opt/platform/\1$", DOCKERFILE, re.MULTILINE):
        without = shutil.ignore_patterns("__pycache__", "landing", "*.csv")
        shutil.copytree(REPOSITORY / folder, tmp_path / folder, ignore=without)
    return tmp_path


@pytest.fixture
def free_address() -> Iterator[str]:
    """An address of this machine at which nothing answers."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


def mlp(image: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command as the image's script calls it."""
    (program,) = re.findall(r"exec python (-m \S+) \"\$@\"", DOCKERFILE)
    return subprocess.run(
        [sys.executable, *program.split(), *arguments], cwd=image, capture_output=True, text=True, check=False,
        env={"PATH": os.defpath, "PYTHONPATH": str(image), "ML_USE_CASES_DIR": str(image / "data"), **environment},
    )  # fmt: skip


def test_the_help_leaves_out_what_is_not_there(image):
    done = mlp(image, "--help")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Usage: mlp ")
    assert "Embedded stack" not in done.stdout
    assert "  promote " in done.stdout


def test_the_variables_that_are_missing_are_named(image):
    done = mlp(image, "list-models")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: ML_DATABASE_URL: Field required. ")
    assert len(done.stderr.splitlines()) == 1


def test_status_asks_the_services_that_the_environment_names(image, database_url, mlflow_server):
    done = mlp(image, "status", "--json", ML_DATABASE_URL=database_url, ML_MLFLOW_TRACKING_URI=mlflow_server)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [
        {"name": "postgres", "state": "up", "address": database_url},
        {"name": "mlflow", "state": "up", "address": mlflow_server},
    ]


def test_status_tells_what_does_not_answer_and_no_password(image, free_address):
    url = f"postgresql://ml:secret@/ml?host={image}"
    done = mlp(image, "status", "--json", ML_DATABASE_URL=url, ML_MLFLOW_TRACKING_URI=free_address)
    assert done.returncode == 3
    assert [(row["name"], row["state"]) for row in json.loads(done.stdout)] == [
        ("postgres", "down"),
        ("mlflow", "down"),
    ]
    assert "secret" not in done.stdout + done.stderr
