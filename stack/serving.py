"""The API and the process that keeps MLflow's classic stage in step with the alias that rules."""

from __future__ import annotations

import sys
from functools import partial

from ml.store import SERVING_ROLE
from stack.config import HOST, StackConfig
from stack.environment import platform, postgres
from stack.health import says_ok
from stack.service import Service


def serving_url(config: StackConfig) -> str:
    """Address of the API."""
    return f"http://{HOST}:{config.serving_port}"


def apis(config: StackConfig) -> list[Service]:
    """The serving app; its role in the database may add to the log and no more."""
    return []


def watchers(config: StackConfig) -> list[Service]:
    """`mlp registry-sync`."""
    return []


def services(config: StackConfig) -> list[Service]:
    """Both."""
    return [*watchers(config), *apis(config)]
