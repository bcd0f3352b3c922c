"""Which of the services that the environment names answer."""

from __future__ import annotations

import httpx

from ml.errors import Unavailable
from ml.settings import Settings
from ml.store import connect, without_password

_SECONDS = 5


def services(settings: Settings) -> list[dict[str, str]]:
    """``name``, ``state`` (up or down) and ``address`` of each."""
    database, mlflow = settings.database_url, settings.mlflow_tracking_uri
    return [
        {"name": "postgres", "state": _state(_database_answers(database)), "address": without_password(database)},
        {"name": "mlflow", "state": _state(_mlflow_answers(mlflow)), "address": mlflow},
    ]


def _state(answers: bool) -> str:
    return "up" if answers else "down"


def _database_answers(url: str) -> bool:
    try:
        with connect(url, application="status"):
            return True
    except Unavailable:
        return False


def _mlflow_answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/health", timeout=_SECONDS).is_success
    except httpx.HTTPError:
        return False
