"""The whole embedded stack, booted once, with two use cases; driven over HTTP and the command line only."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from ml.samples.profile_schema import load_profile
from ml.samples.sample import render_sample
from ml.use_case import load_use_case
from stack.airflow_api import AirflowApi, DagRun
from stack.config import StackConfig
from stack.environment import platform
from tests.conftest import REAL_DATA, REPOSITORY
from tests.use_cases.customer_churn.make_data import write

BANK, CHURN = "bank_marketing", "customer_churn"
_MINUTES = 10


@dataclass(frozen=True)
class Stack:
    """A stack that runs, and how it is talked to."""

    folder: Path
    environment: dict[str, str]

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`mlp …`, as the Makefile calls it."""
        return subprocess.run(
            [sys.executable, "-m", "stack", *arguments],
            check=False, cwd=REPOSITORY, env=self.environment, capture_output=True, text=True, timeout=60 * _MINUTES,
        )  # fmt: skip

    @property
    def metrics_port(self) -> int:
        """Of `mlp metrics`."""
        return int(urlsplit(self.environment["ML_OTLP_METRICS_URL"]).port or 0)

    @contextmanager
    def telling_metrics(self) -> Iterator[None]:
        """With `mlp metrics`, which is no part of the stack and does not mind that Postgres comes and goes."""
        database = platform(StackConfig.read(self.environment))["ML_DATABASE_URL"]
        command = [sys.executable, "-m", "ml.cli", "metrics", "--port", str(self.metrics_port)]
        with (self.folder / "metrics.log").open("wb") as log:
            process = subprocess.Popen(
                command, cwd=REPOSITORY, env=self.environment | {"ML_DATABASE_URL": database}, stdout=log, stderr=log
            )
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)

    def mlp(self, *arguments: str) -> str:
        """What a command prints that must succeed."""
        done = self.run(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def demo(self, use_case: str, *arguments: str) -> dict[str, Any]:
        """`make demo`; its summary."""
        done = self.run("demo", "--use-case", use_case, *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return dict(json.loads((self.state / "summary.json").read_text()))

    @cached_property
    def airflow(self) -> AirflowApi:
        return AirflowApi(f"http://127.0.0.1:{self.environment['ML_AIRFLOW_PORT']}", "admin", "admin")

    def drive(self, dag_id: str, **conf: object) -> tuple[DagRun, str]:
        """Start a run and wait for its end; the run and its state."""
        run = self.airflow.trigger(dag_id, conf)
        return run, self.airflow.wait(run)


def free_ports(count: int) -> list[int]:
    """Ports on which nothing listens now."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("e2e")
    left_out = shutil.ignore_patterns("*.py", "__pycache__", "*.csv")
    shutil.copytree(REPOSITORY / "data" / BANK, folder / "use_cases" / BANK, ignore=left_out)
    shutil.copytree(REPOSITORY / "tests" / "use_cases" / CHURN, folder / "use_cases" / CHURN, ignore=left_out)
    model = folder / "use_cases" / BANK / "model.yaml"
    tuned = model.read_text()
    assert tuned.count("trials: 10 ") == 1
    model.write_text(tuned.replace("trials: 10 ", "trials: 0 "))  # what tuning does has tests of its own
    airflow, mlflow, serving, metrics = free_ports(4)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("ML_", "COV_"))} | {
        "ML_STATE_DIR": str(folder / "state"),
        "ML_USE_CASES_DIR": str(folder / "use_cases"),
        "ML_AIRFLOW_PORT": str(airflow),
        "ML_MLFLOW_PORT": str(mlflow),
        "ML_SERVING_PORT": str(serving),
        "ML_OTLP_METRICS_URL": f"http://127.0.0.1:{metrics}/v1/metrics",
    }
    booted = Stack(folder, environment)
    try:
        with booted.telling_metrics():
            yield booted
        booted.airflow.close()
    finally:
        assert booted.run("down").returncode == 0


@pytest.fixture(scope="session")
def bank_file(stack: Stack) -> Path:
    """The real file, or, where it is not at hand, the sample in its place."""
    if REAL_DATA.is_file():
        return REAL_DATA
    use_case = load_use_case(stack.folder / "use_cases", BANK)
    path = stack.folder / "bank.csv"
    path.write_bytes(render_sample(use_case.contract, load_profile(use_case), seed=42))
    return path


@pytest.fixture(scope="session")
def bank(stack: Stack, bank_file: Path) -> dict[str, Any]:
    """Summary of the main job on the bank's data."""
    return stack.demo(BANK, "--data", str(bank_file))


@pytest.fixture(scope="session")
def churn(stack: Stack, bank: dict[str, Any]) -> dict[str, Any]:
    """Summary of the main job on the second use case, in the same stack."""
    return stack.demo(CHURN, "--data", str(write(stack.folder / "clients.csv", 3000)))
