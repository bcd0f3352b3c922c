"""The site's own folder on the path; and a newcomer's clone, in which the whole tutorial was typed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.docs.typed import script

sys.path.append(str(REPOSITORY / "docs"))  # the pages that are made belong to the site, not to the platform


@dataclass(frozen=True)
class Newcomer:
    """A clone whose stack runs, with the tutorial's use case in production."""

    folder: Path
    environment: dict[str, str]
    api: str
    """Address of the tutorial's own use case."""

    def type(self, text: str) -> subprocess.CompletedProcess[str]:
        """Commands in one shell, in the folder of the clone."""
        return subprocess.run(
            ["bash", "-c", text], cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip


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


@pytest.fixture(scope="session")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Newcomer]:
    """In an empty environment; what was typed, and what it said, is printed."""
    folder = tmp_path_factory.mktemp("newcomer") / "ml-platform"
    subprocess.run(["git", "clone", "--quiet", str(REPOSITORY), str(folder)], check=True)
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
    found = Newcomer(folder, environment, f"http://127.0.0.1:{serving + 1}")
    try:
        done = found.type(script(folder / "docs" / "tutorial.md", ports={8001: serving + 1}))
        print(done.stdout)
        assert done.returncode == 0, done.stdout[-6000:]
        yield found
    finally:
        if (folder / ".venv").exists():
            subprocess.run(["make", "down"], cwd=folder, env=environment, check=True, capture_output=True)
