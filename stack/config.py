"""Where the stack keeps its state and which ports it takes: environment, else what it took last time, else defaults."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ml.use_case import discover
from stack.errors import StackError

REPOSITORY = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
"""The only address anything of the stack listens on."""
PORTS = {"ML_AIRFLOW_PORT": 8080, "ML_MLFLOW_PORT": 5000, "ML_SERVING_PORT": 8000}
"""Variable of each port, with its default."""


@dataclass(frozen=True)
class StackConfig:
    """One stack; a second one with other ports and another folder runs beside it."""

    state: Path
    """All that the stack knows lies below this folder; only its owner may enter."""
    use_cases: Path
    airflow_port: int
    mlflow_port: int
    serving_port: int
    served: tuple[str, ...] = ()
    """Use cases in the order in which they were first seen; the API of the n-th listens n ports further on."""

    @classmethod
    def read(cls, environment: Mapping[str, str] | None = None) -> StackConfig:
        """From the variables ``ML_STATE_DIR``, ``ML_USE_CASES_DIR``, ``ML_{AIRFLOW,MLFLOW,SERVING}_PORT``.

        Raises :class:`StackError` naming a variable that cannot be used.
        """
        given = os.environ if environment is None else environment
        state = (REPOSITORY / given.get("ML_STATE_DIR", ".local")).resolve()
        known = _remembered(state)
        airflow, mlflow, serving = (_port(name, given, known) for name in PORTS)
        if len({airflow, mlflow, serving}) < len(PORTS):
            raise StackError(f"{', '.join(PORTS)} must differ; they are {airflow}, {mlflow}, {serving}.")
        folder = given.get("ML_USE_CASES_DIR") or known.get("ML_USE_CASES_DIR") or "data"
        use_cases = (REPOSITORY / folder).resolve()
        if not use_cases.is_dir():
            raise StackError(f"ML_USE_CASES_DIR: there is no folder {use_cases}.")
        return cls(state, use_cases, airflow, mlflow, serving, _served(use_cases, known.get("served", "").split()))

    def remember(self) -> None:
        """Keep the choice, so that `make down` and the next `make up` need no variables."""
        chosen = (self.airflow_port, self.mlflow_port, self.serving_port)
        content = dict(zip(PORTS, map(str, chosen), strict=True))
        content |= {"ML_USE_CASES_DIR": str(self.use_cases), "served": " ".join(self.served)}
        _file(self.state).write_text(json.dumps(content, indent=2))


def _file(state: Path) -> Path:
    return state / "stack.json"


def _remembered(state: Path) -> dict[str, str]:
    try:
        return dict(json.loads(_file(state).read_text()))
    except (OSError, ValueError):
        return {}


def _served(use_cases: Path, known: list[str]) -> tuple[str, ...]:
    """A new use case comes last, and one that is gone keeps its place: no other one's port changes."""
    found = [use_case.name for use_case in discover(use_cases)]
    return (*known, *(name for name in found if name not in known))


def _port(name: str, given: Mapping[str, str], known: Mapping[str, str]) -> int:
    text = given.get(name) or known.get(name) or str(PORTS[name])
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise StackError(f"{name}={text} is no port; choose a number from 1024 to 65535.")
    return int(text)
