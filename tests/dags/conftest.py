"""The DAGs of two use cases, read as Airflow reads them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.dags.airflow_home import REPOSITORY, isolate

isolate()

SOURCES = (REPOSITORY / "data" / "bank_marketing", REPOSITORY / "tests" / "use_cases" / "customer_churn")


def copy_use_cases(folder: Path) -> Path:
    for source in SOURCES:
        (folder / source.name).mkdir(parents=True)
        for name in ("contract.yaml", "model.yaml"):
            shutil.copy(source / name, folder / source.name / name)
    return folder


def read_dags(use_cases: Path):
    from airflow.dag_processing.dagbag import DagBag

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ML_USE_CASES_DIR", str(use_cases))
        return DagBag(REPOSITORY / "dags")


@pytest.fixture(scope="session")
def dag_bag(tmp_path_factory):
    return read_dags(copy_use_cases(tmp_path_factory.mktemp("use_cases")))


@pytest.fixture
def use_cases(tmp_path) -> Path:
    return copy_use_cases(tmp_path / "use_cases")
