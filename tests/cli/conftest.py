"""The command line as a person uses it, on one use case from data to predictions."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ml.cli.main import main
from ml.settings import Settings
from stack.postgres import Postgres
from tests.trained import churn, make_settings
from tests.use_cases.customer_churn.make_data import write

MODEL = "cli-churn"


@pytest.fixture(autouse=True)
def _quiet_again() -> Iterator[None]:
    """What a command sets of logging ends with its test."""
    names = [None, "alembic", "httpx", "great_expectations", "mlflow", "skl2onnx", "ml.outcomes"]
    before = [(logging.getLogger(n), logging.getLogger(n).level) for n in names]
    handlers = list(logging.getLogger().handlers)
    yield
    for logger, level in before:
        logger.setLevel(level)
    logging.getLogger().handlers[:] = handlers


class Shell:
    """Runs commands with the settings of the module."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings, self.folder = settings, folder
        self.environment = {
            "ML_DATABASE_URL": settings.database_url,
            "ML_MLFLOW_TRACKING_URI": settings.mlflow_tracking_uri,
            "ML_USE_CASES_DIR": str(settings.use_cases_dir),
            "ML_STATE_DIR": str(settings.state_dir),
        }

    def tried(self, *arguments: object, **environment: str | None) -> Result:
        """The command's result, however it ended."""
        return CliRunner().invoke(main, [str(a) for a in arguments], env={**self.environment, **environment})

    def __call__(self, *arguments: object) -> str:
        """What a command that ends well prints."""
        result = self.tried(*arguments)
        assert result.exit_code == 0, (result.output, result.exception)
        return result.stdout

    def json(self, *arguments: object, exit_code: int = 0) -> Any:
        """The document that a command prints with --json, and nothing else on stdout."""
        result = self.tried(*arguments, "--json")
        assert result.exit_code == exit_code, (result.output, result.exception)
        return json.loads(result.stdout)

    def refused(self, *arguments: object, **environment: str | None) -> str:
        """The one line of a command that ends with an error of the platform."""
        result = self.tried(*arguments, **environment)
        assert result.exit_code == 1
        assert isinstance(result.exception, SystemExit), result.exception
        (line,) = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
        assert "Traceback" not in result.output
        return line.removeprefix("Error: ")


@pytest.fixture(scope="module")
def untrained(postgres: Postgres, mlflow_server: str, tmp_path_factory) -> Shell:
    folder = tmp_path_factory.mktemp("cli")
    churn(folder, 0, MODEL)
    return Shell(make_settings(postgres, mlflow_server, folder, "test_cli"), folder)


@pytest.fixture(scope="module")
def printed(untrained: Shell) -> dict[str, str]:
    """What each command printed on the way from data to predictions."""
    mlp, data = untrained, write(untrained.folder / "clients.csv", 600)
    said = {"before": mlp("list-models"), "data": mlp("data", "--data", data)}
    said["train"] = mlp("train")
    said["train f1"] = json.dumps(
        mlp.json("train", "--metric", "f1", "--candidate", "linear", "--late-feature", "exit.survey")
    )
    said["promote"] = mlp("promote", "--model-name", MODEL, "--version", 1)
    said["score"] = mlp("score", "--use-case", "customer_churn", "--limit", 3)
    return said


@pytest.fixture
def mlp(untrained: Shell, printed: dict[str, str]) -> Shell:
    """The shell, with a version in production and predictions in the log."""
    return untrained
