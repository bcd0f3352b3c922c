"""The API of each use case, and the process that keeps MLflow's classic stage in step with the alias."""

from __future__ import annotations

import sys
from functools import partial

from ml.errors import ContractError
from ml.store import SERVING_ROLE
from ml.use_case import UseCase, load_use_case
from stack.config import HOST, StackConfig
from stack.environment import platform, postgres
from stack.health import says_ok
from stack.progress import say
from stack.service import Service


def serving_url(config: StackConfig, use_case: str) -> str:
    """Address of the API of a use case."""
    return f"http://{HOST}:{_port(config, use_case)}"


def apis(config: StackConfig) -> list[Service]:
    """One serving app for each use case that can be read."""
    return [_api(config, use_case) for use_case in _readable(config)]


def _api(config: StackConfig, use_case: UseCase) -> Service:
    """Its role in the database may add to the log and no more; its folder holds what outlives it."""
    port, folder = _port(config, use_case.name), config.state / "serving" / use_case.name
    return Service(
        name=f"serving-{use_case.name}",
        command=(sys.executable, "-m", "serving"),
        environment={
            "SERVING_HOST": HOST,
            "SERVING_PORT": str(port),
            "SERVING_MODEL_NAME": use_case.config.model_name,
            "SERVING_DATABASE_URL": postgres(config).url("ml", SERVING_ROLE),
            "SERVING_MLFLOW_TRACKING_URI": platform(config)["ML_MLFLOW_TRACKING_URI"],
            "SERVING_CACHE_DIR": str(folder / "cache"),
            "SERVING_SPOOL_DIR": str(folder / "spool"),
        },
        state=config.state,
        answers=partial(says_ok, f"http://{HOST}:{port}/health"),
        port=port,
        port_variable="ML_SERVING_PORT",
    )  # fmt: skip


def watchers(config: StackConfig) -> list[Service]:
    """`mlp registry-sync`: a promotion in the classic view of the MLflow UI takes effect by it."""
    return [
        Service(
            name="registry-sync",
            command=(sys.executable, "-m", "ml.cli", "registry-sync"),
            environment=platform(config),
            state=config.state,
        )
    ]


def services(config: StackConfig) -> list[Service]:
    """All of them."""
    return [*watchers(config), *apis(config)]


def _port(config: StackConfig, use_case: str) -> int:
    return config.serving_port + config.served.index(use_case)


def _readable(config: StackConfig) -> list[UseCase]:
    """A use case whose files are wrong must not keep the others down; Airflow shows it as an import error."""
    found = []
    for name in config.served:
        try:
            use_case = load_use_case(config.use_cases, name)
            _ = use_case.config
            found.append(use_case)
        except ContractError as error:
            say(f"  not served: {error}")
    return found
