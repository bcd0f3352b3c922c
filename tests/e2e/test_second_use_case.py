"""The whole loop on a use case of another shape, with no change of code.

Dots and spaces in names, a declared key, nulls, no event time, a target coded 0/1, 20 features.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest
from fastapi.testclient import TestClient

from ml.drift import check, describe
from ml.ingest import ingest
from ml.registry import production_version, promote
from ml.schema import table_of
from ml.score import score_features, score_file
from ml.settings import Settings
from ml.store import connect
from ml.train import train
from ml.use_case import UseCase, load_use_case
from ml.validate import validate
from serving.app import create_app
from serving.settings import ServingSettings
from tests.conftest import REPOSITORY
from tests.use_cases.customer_churn.make_data import draw, write

DAY = datetime(2026, 3, 2, 12, tzinfo=UTC)
ROWS = 3000


@pytest.fixture
def churn(tmp_path: Path) -> UseCase:
    copytree(REPOSITORY / "tests" / "use_cases", tmp_path / "use_cases", ignore=ignore_patterns("*.py", "__pycache__"))
    use_case = load_use_case(tmp_path / "use_cases", "customer_churn")
    write(use_case.landing / "clients.csv", ROWS)
    return use_case
