"""Shared fixtures: a real embedded Postgres for the session, a fresh database for each test."""

from __future__ import annotations

import itertools
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

# Before anything loads OpenMP or BLAS. The tests' models are small, and there is a worker a core: threads that wait for
# each other took fifteen times the CPU time of one. Processes that tests start take it over.
os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

from ml.settings import Settings
from ml.store import SERVING_ROLE, migrate
from stack.config import HOST, StackConfig
from stack.mlflow import services
from stack.postgres import Postgres

REPOSITORY = Path(__file__).parent.parent
REAL_DATA = REPOSITORY.parent / "shared" / "data" / "bank-full.csv"
_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """One server for all tests of a session, stopped at its end."""
    folder = tmp_path_factory.mktemp("stack")
    server = Postgres(data=folder / "postgres" / "data", log=folder / "logs" / "postgres.log")
    server.start()
    # Hundreds of databases are made and thrown away; what a test writes survives every crash but the machine's own.
    server.psql("ALTER SYSTEM SET fsync = off")
    server.psql("SELECT pg_reload_conf()")
    server.ensure_role("ml_platform")
    server.ensure_role(SERVING_ROLE)
    yield server
    server.stop()


@pytest.fixture
def database_name(postgres: Postgres) -> str:
    """A migrated, empty database of its own."""
    name = f"test_{next(_numbers)}"
    postgres.ensure_database(name, owner="ml_platform")
    postgres.psql(f'GRANT CONNECT ON DATABASE "{name}" TO {SERVING_ROLE}')
    migrate(postgres.url(name, "ml_platform"))
    return name


@pytest.fixture
def database_url(postgres: Postgres, database_name: str) -> str:
    """URL for the owner of the platform's tables."""
    return postgres.url(database_name, "ml_platform")


@pytest.fixture
def serving_database_url(postgres: Postgres, database_name: str) -> str:
    """URL for the role that the serving app uses."""
    return postgres.url(database_name, SERVING_ROLE)


@pytest.fixture
def own_postgres(tmp_path: Path) -> Iterator[Postgres]:
    """A server of the test's own, which it may stop; its database ``ml`` is migrated and empty."""
    server = Postgres(data=tmp_path / "pg" / "data", log=tmp_path / "pg" / "log")
    server.start()
    server.ensure_role("ml_platform")
    server.ensure_role(SERVING_ROLE)
    server.ensure_database("ml", owner="ml_platform")
    server.psql(f'GRANT CONNECT ON DATABASE "ml" TO {SERVING_ROLE}')
    migrate(server.url("ml", "ml_platform"))
    yield server
    server.stop()


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Settings for a test: its own database and state folder."""
    return Settings(database_url=database_url, state_dir=tmp_path / "state", use_cases_dir=REPOSITORY / "data")


@pytest.fixture(scope="session")
def mlflow_server(postgres: Postgres) -> Iterator[str]:
    """Address of a real MLflow server, started as the stack does when a test first asks for it.

    One for all tests of a session: each needs model names of its own.
    """
    postgres.ensure_role("mlflow")
    postgres.ensure_database("mlflow", owner="mlflow")
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    state = postgres.data.parent.parent
    (server,) = services(StackConfig(state, REPOSITORY / "data", airflow_port=0, mlflow_port=port, serving_port=0))
    try:
        server.start()
        server.wait(Event())
        yield server.address
    finally:
        server.stop()


@pytest.fixture
def mlflow_settings(settings: Settings, mlflow_server: str) -> Settings:
    """``settings`` with that server."""
    return settings.model_copy(update={"mlflow_tracking_uri": mlflow_server})


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The real UCI file; skips where it is not at hand."""
    if not REAL_DATA.is_file():
        pytest.skip(f"the real file is not there: {REAL_DATA}")
    return REAL_DATA
