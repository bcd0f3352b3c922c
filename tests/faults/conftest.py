"""What the faults of serving are produced with."""

import pytest

from ml.use_case import load_use_case
from tests.conftest import REPOSITORY
from tests.serving import bundles


@pytest.fixture(scope="session")
def contract():
    return load_use_case(REPOSITORY / "tests" / "use_cases", "customer_churn").contract


@pytest.fixture
def payload(contract):
    return {"input": bundles.example(contract)}
