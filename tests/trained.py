"""A trained model of the churn use case, and what tests need to have several versions of it fast."""

from __future__ import annotations

from pathlib import Path
from shutil import copytree, ignore_patterns

from ml.ingest import ingest
from ml.settings import Settings
from ml.store import SERVING_ROLE, migrate
from ml.use_case import UseCase, load_use_case
from ml.validate import validate
from stack.postgres import Postgres
from tests.conftest import REPOSITORY
from tests.use_cases.customer_churn.make_data import write

CHURN = REPOSITORY / "tests" / "use_cases"


def churn(folder: Path, rows: int, model_name: str = "churn-model") -> UseCase:
    """The use case in a folder of its own, with so many rows in landing; none with 0.

    Under another ``model_name`` its versions are apart from those of other modules, whose MLflow server is the same.
    """
    copytree(CHURN, folder / "use_cases", ignore=ignore_patterns("*.py", "__pycache__"))
    config = folder / "use_cases" / "customer_churn" / "model.yaml"
    config.write_text(config.read_text().replace("churn-model", model_name))
    use_case = load_use_case(folder / "use_cases", "customer_churn")
    if rows:
        write(use_case.landing / "clients.csv", rows)
    return use_case


def make_settings(postgres: Postgres, mlflow_server: str, folder: Path, database: str) -> Settings:
    """Settings for a whole module: a migrated database of that name, the session's MLflow server."""
    postgres.ensure_database(database, owner="ml_platform")
    postgres.psql(f'GRANT CONNECT ON DATABASE "{database}" TO {SERVING_ROLE}')
    url = postgres.url(database, "ml_platform")
    migrate(url)
    return Settings(
        database_url=url,
        mlflow_tracking_uri=mlflow_server,
        use_cases_dir=folder / "use_cases",
        state_dir=folder / "state",
    )


def prepare(settings: Settings, use_case: UseCase) -> None:
    """From landing to features."""
    ingest(settings, use_case, run_id="test")
    validate(settings, use_case)
