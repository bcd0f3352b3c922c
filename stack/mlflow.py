"""The MLflow server of the embedded stack: metadata in Postgres, artifacts in a folder behind the server."""

from __future__ import annotations

import sys
from functools import partial

from stack.config import HOST, StackConfig
from stack.environment import postgres
from stack.health import says_ok
from stack.service import Service


def mlflow_url(config: StackConfig) -> str:
    """Address of the UI and of the tracking API."""
    return f"http://{HOST}:{config.mlflow_port}"


def services(config: StackConfig) -> list[Service]:
    """One process; the job runner, which would take 1.2 GB more, is off."""
    arguments = (
        *("--host", HOST, "--port", str(config.mlflow_port), "--workers", "1"),
        *("--backend-store-uri", postgres(config).url("mlflow", "mlflow", driver="psycopg2")),
        *("--serve-artifacts", "--artifacts-destination", str(config.state / "mlflow" / "artifacts")),
    )
    return [
        Service(
            name="mlflow",
            command=(sys.executable, "-m", "mlflow", "server", *arguments),
            environment={"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"},
            state=config.state,
            answers=partial(says_ok, f"{mlflow_url(config)}/health"),
            port=config.mlflow_port,
            port_variable="ML_MLFLOW_PORT",
        )
    ]
