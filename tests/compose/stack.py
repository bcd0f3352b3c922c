"""A stack of containers as its users see it: compose commands, ports of 127.0.0.1, logins."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
import httpx

from stack.airflow_api import AirflowApi, DagRun
from tests.conftest import REPOSITORY

PORTS = ("ML_AIRFLOW_PORT", "ML_MLFLOW_PORT", "ML_SERVING_PORT", "ML_S3_PORT", "ML_GRAFANA_PORT")
BUCKET = "landing"


def dotenv(path: Path) -> dict[str, str]:
    lines = (line.partition("=") for line in path.read_text().splitlines() if line and not line.startswith("#"))
    return {name: value for name, _, value in lines}


def until(holds: Callable[[], object], seconds: float, what: str) -> float:
    """Seconds until it held."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < seconds, f"after {seconds:.0f} s still not so: {what}"
        time.sleep(0.3)
    return time.monotonic() - began


@dataclass
class Stack:
    folder: Path
    environment: dict[str, str]
    files: tuple[Path, ...]
    seconds: dict[str, float] = field(default_factory=dict)

    @cached_property
    def secrets(self) -> dict[str, str]:
        return dotenv(self.folder / ".env")

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - began
        print(f"\n  compose: {name:<44} {self.seconds[name]:7.1f} s", flush=True)

    def compose(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        files = [f"--file={path}" for path in self.files]
        return self._run(["docker", "compose", *files, f"--env-file={self.folder / '.env'}", *arguments], **options)

    def docker(self, *arguments: str, **options: Any) -> str:
        return self._run(["docker", *arguments], **options).stdout

    def _run(self, command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        extra: Mapping[str, str] = options.pop("environment", {})
        check = options.pop("check", True)
        done = subprocess.run(
            command, cwd=REPOSITORY, env=self.environment | dict(extra), text=True, capture_output=True, check=False,
            **{"timeout": 1500, **options},
        )  # fmt: skip
        assert not check or done.returncode == 0, f"{' '.join(command)}\n{(done.stdout + done.stderr)[-4000:]}"
        return done

    def container(self, service: str, number: int = 1) -> str:
        return f"{self.environment['COMPOSE_PROJECT_NAME']}-{service}-{number}"

    def kill(self, service: str, number: int = 1) -> None:
        self.docker("kill", self.container(service, number))

    def start(self, service: str, number: int = 1) -> None:
        self.docker("start", self.container(service, number))

    def is_healthy(self, service: str, number: int = 1) -> bool:
        state = json.loads(self.docker("inspect", self.container(service, number)))[0]["State"]
        return bool(state.get("Health", {}).get("Status") == "healthy")

    def sql(self, database: str, statement: str) -> str:
        """As the superuser, over the socket inside the container."""
        options = ("exec", "-T", "postgres", "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", database)
        return self.compose(*options, "-c", statement).stdout.strip()

    def url(self, variable: str) -> str:
        return f"http://127.0.0.1:{self.environment[variable]}"

    @cached_property
    def airflow(self) -> AirflowApi:
        return AirflowApi(self.url("ML_AIRFLOW_PORT"), "admin", self.secrets["AIRFLOW_ADMIN_PASSWORD"])

    @cached_property
    def mlflow(self) -> httpx.Client:
        login = ("admin", self.secrets["MLFLOW_ADMIN_PASSWORD"])
        return httpx.Client(base_url=self.url("ML_MLFLOW_PORT"), auth=login, timeout=60, trust_env=False)

    @cached_property
    def serving(self) -> httpx.Client:
        key = {"authorization": f"Bearer {self.secrets['SERVING_API_KEY']}"}
        return httpx.Client(base_url=self.url("ML_SERVING_PORT"), headers=key, timeout=30, trust_env=False)

    @cached_property
    def s3(self) -> Any:
        return boto3.client(
            "s3", endpoint_url=self.url("ML_S3_PORT"), region_name="us-east-1",
            aws_access_key_id="platform", aws_secret_access_key=self.secrets["S3_PLATFORM_SECRET"],
        )  # fmt: skip

    def close(self) -> None:
        """Let all connections go."""
        for client in (self.airflow, self.mlflow, self.serving, self.s3):
            client.close()

    def drive(self, dag_id: str, seconds: float = 900, **conf: object) -> tuple[DagRun, str]:
        """Start a run and wait for its end; the run and its state."""
        airflow = self.airflow
        run = airflow.trigger(dag_id, conf)
        return run, airflow.wait(run, seconds=seconds)

    def promote(self, version: str, model: str) -> None:
        """Over MLflow's REST API, as the person who is its admin."""
        body = {"name": model, "alias": "production", "version": version}
        self.mlflow.post("/api/2.0/mlflow/registered-models/alias", json=body).raise_for_status()

    def served(self) -> str | None:
        try:
            version = self.serving.get("/ready").json().get("model_version")
        except (httpx.HTTPError, ValueError):
            return None
        return version if version is None else str(version)


def new_environment(engine: Mapping[str, str], folder: Path, ports: Mapping[str, str]) -> dict[str, str]:
    """The engine's, with a project, keys and ports of the test's own, and nothing of the developer's own stack."""
    own = {
        k: v for k, v in os.environ.items() if not k.startswith(("ML_", "AIRFLOW", "COMPOSE_", "MLFLOW", "SERVING_"))
    }
    return own | dict(engine) | dict(ports) | {
        "COMPOSE_PROJECT_NAME": "ml-platform-test", "ML_KEYS_DIR": str(folder / ".keys"), "VERSION": "test",
        "AIRFLOW_METRICS": "True",
    }  # fmt: skip
