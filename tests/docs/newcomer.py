"""A newcomer's clone, in which the whole tutorial was typed."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import REPOSITORY
from tests.docs.typed import script


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


@contextmanager
def newcomer_in(folder: Path) -> Iterator[Newcomer]:
    """With a fresh clone there, and in an empty environment; what was typed, and what it said, is printed."""
    subprocess.run(["git", "clone", "--quiet", str(REPOSITORY), str(folder)], check=True)
    airflow, mlflow, serving = free_ports(3)
    # A login shell has these and no more; the home folder has the package index's settings and what was downloaded.
    environment = {
        "PATH": os.pathsep.join(p for p in os.environ["PATH"].split(os.pathsep) if not p.startswith(str(REPOSITORY))),
        "HOME": os.environ["HOME"],
        "LOGNAME": "newcomer",
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
