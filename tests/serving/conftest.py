"""A use case with awkward names, a registry that holds versions of a model of it, and the app."""

import psycopg2
import pytest

from ml.use_case import load_use_case
from serving.app import create_app
from tests.conftest import REPOSITORY
from tests.serving.fakes import FolderRegistry, LocalClient, serving_settings


@pytest.fixture(scope="session")
def contract():
    """Names with dots and spaces, nulls, no event time."""
    return load_use_case(REPOSITORY / "tests" / "use_cases", "customer_churn").contract


@pytest.fixture
def registry(tmp_path, contract):
    """Version 1, in production."""
    registry = FolderRegistry(tmp_path / "registry", contract)
    registry.register("1", bias=0.5)
    registry.promote("1")
    return registry


@pytest.fixture
def serving(tmp_path, serving_database_url):
    return serving_settings(tmp_path, serving_database_url)


@pytest.fixture
def client(serving, registry):
    with LocalClient(create_app(serving, registry)) as client:
        yield client


@pytest.fixture
def client_without_database(tmp_path, registry):
    """For requests that are refused before anything is logged."""
    with LocalClient(create_app(serving_settings(tmp_path, "postgresql:///nowhere?host=/nowhere"), registry)) as client:
        yield client


@pytest.fixture
def logged(database_url):
    """Reads the inference log: rows of the columns asked for, by id."""

    def read(columns="inference_id::text"):
        connection = psycopg2.connect(database_url)
        try:
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT {columns} FROM ml.inference_logs ORDER BY inference_id")
                return cursor.fetchall()
        finally:
            connection.close()

    return read
