"""The MLflow server: clients that give up soon, and errors that name it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from ml.errors import Unavailable
from ml.settings import Settings

_ENVIRONMENT = {
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
_NO_ANSWER = ("Max retries exceeded", "Connection refused", "failed with exception", "timed out", "error code 50")


@contextmanager
def client(settings: Settings) -> Iterator[MlflowClient]:
    """A client of the server at ``mlflow_tracking_uri``, which also becomes the one of MLflow's own functions.

    MLflow's defaults try for minutes; ours for seconds. Raises :class:`Unavailable` naming MLflow and its
    address where it does not answer; other errors of MLflow pass.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    mlflow.set_tracking_uri(settings.mlflow_tracking_uri)
    mlflow.set_registry_uri(settings.mlflow_tracking_uri)
    try:
        yield MlflowClient(settings.mlflow_tracking_uri, settings.mlflow_tracking_uri)
    except (MlflowException, OSError) as error:
        if does_not_answer(error):
            raise Unavailable("MLflow", settings.mlflow_tracking_uri, _reason(error)) from error
        raise


def does_not_answer(error: Exception) -> bool:
    """Whether an error of MLflow's client says that the server is away, and not that it refused something."""
    return isinstance(error, ConnectionError) or any(words in str(error) for words in _NO_ANSWER)


def _reason(error: BaseException) -> str:
    """What the innermost error says: those around it repeat it, and name objects by addresses that always differ."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return (str(error) or repr(error)).splitlines()[0][:300]


def version_url(settings: Settings, model_name: str, version: str) -> str:
    """Where people see a version in MLflow's pages."""
    return f"{settings.mlflow_public_url or settings.mlflow_tracking_uri}/#/models/{model_name}/versions/{version}"
