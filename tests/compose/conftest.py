"""The stack of containers, built and started once, with a version in production; ended with all its data."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from ml.samples.profile_schema import load_profile
from ml.samples.sample import render_sample
from ml.use_case import load_use_case
from tests.compose import standins
from tests.compose.engine import STATE, engine
from tests.compose.stack import BUCKET, PORTS, Stack, new_environment, until
from tests.conftest import REAL_DATA, REPOSITORY

USE_CASE = "bank_marketing"
MODEL = "bank-model"
_REGISTRY = "registry-1.docker.io"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.compose)
            item.add_marker(pytest.mark.timeout(3000))


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    STATE.mkdir(parents=True, exist_ok=True)
    folder = tmp_path_factory.mktemp("compose")
    subprocess.run(["sh", REPOSITORY / "deploy" / "make_env.sh", folder], check=True)
    with engine() as docker:
        files: tuple[Path, ...] = (REPOSITORY / "docker-compose.yaml",)
        if not _reaches_a_registry():
            files += (REPOSITORY / "tests" / "compose" / "standins.yaml",)
        started = Stack(folder, new_environment(docker, folder, _free_ports()), files)
        if len(files) > 1:
            with started.step("stand-ins for base images"):
                standins.build(docker)
        try:
            with started.step("build of the images"), canaries():
                started.compose("build", "--quiet")
            with started.step("up, until all is healthy"):
                started.compose("up", "--detach", "--wait", "--no-build")
            yield started
            started.close()
        finally:
            (STATE / "stack.log").write_text(started.compose("logs", "--no-color", "--timestamps", check=False).stdout)
            with started.step("down, with all data"):
                started.compose("--profile=*", "down", "--volumes", "--timeout=20", check=False)
            print(f"  compose: {'in all':<44} {sum(started.seconds.values()):7.1f} s")


CANARY = uuid4().hex
"""A secret that lies where a careless build would take it along."""


@contextmanager
def canaries() -> Iterator[None]:
    places = [REPOSITORY / "ml" / ".env", REPOSITORY / "data" / USE_CASE / "landing" / "canary.csv"]
    for place in places:
        place.write_text(CANARY)
    try:
        yield
    finally:
        for place in places:
            place.unlink()


def _reaches_a_registry() -> bool:
    try:
        socket.create_connection((_REGISTRY, 443), timeout=5).close()
    except OSError:
        return False
    return True


def _free_ports() -> dict[str, str]:
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in PORTS]
    ports = {name: str(probe.getsockname()[1]) for name, probe in zip(PORTS, probes, strict=True)}
    for probe in probes:
        probe.close()
    return ports


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real file, or, where it is not at hand, the sample in its place."""
    if REAL_DATA.is_file():
        return REAL_DATA
    use_case = load_use_case(REPOSITORY / "data", USE_CASE)
    path = tmp_path_factory.mktemp("data") / "bank.csv"
    path.write_bytes(render_sample(use_case.contract, load_profile(use_case), seed=42))
    return path


@pytest.fixture(scope="session")
def production(stack: Stack, data: Path) -> str:
    """Version 1: its data came from the object store, it was promoted in MLflow, and it is served."""
    airflow = stack.airflow
    airflow.wait_for_dag(f"{USE_CASE}_ingest")
    with stack.step("upload of the landing file"):
        stack.s3.upload_file(str(data), BUCKET, f"{USE_CASE}/bank.csv")
    with stack.step("ingest"):
        run = airflow.trigger(f"{USE_CASE}_ingest", {})
        airflow.succeed(run)
        assert airflow.returned(run, "load")["rows_new"] == 45211
    with stack.step("validate"):
        airflow.succeed(airflow.caused_by(run, f"{USE_CASE}_validate"))
    with stack.step("train"):
        run = airflow.trigger(f"{USE_CASE}_train", {})
        airflow.succeed(run)
        version = str(airflow.returned(run, "fit")["model_version"])
    with stack.step("promote in MLflow, until it is served"):
        stack.promote(version, MODEL)
        until(lambda: stack.served() == version, 60, f"version {version} is served")
    return version
