"""MLflow's users besides its admin: the platform, which owns what it registers, and serving, which reads."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import httpx

_PASSWORDS = {"platform": "MLFLOW_PLATFORM_PASSWORD", "serving": "MLFLOW_SERVING_PASSWORD"}


def ensure_logins(tracking_uri: str, environment: Mapping[str, str]) -> None:
    """Users with the passwords that ``environment`` has now. Raises ``httpx.HTTPStatusError`` where MLflow refuses."""
    admin = ("admin", environment["MLFLOW_ADMIN_PASSWORD"])
    with httpx.Client(base_url=f"{tracking_uri}/api/2.0/mlflow/users/", auth=admin, timeout=30) as mlflow:
        for user, variable in _PASSWORDS.items():
            login = {"username": user, "password": environment[variable]}
            there = mlflow.get("get", params={"username": user}).status_code == HTTPStatus.OK
            reply = mlflow.patch("update-password", json=login) if there else mlflow.post("create", json=login)
            reply.raise_for_status()
