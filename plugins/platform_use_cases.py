"""Which use cases the DAGs are made for, and what keeps the others from it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from airflow.sdk.exceptions import AirflowTimetableInvalid
from platform_defaults import cron

from ml.errors import ContractError
from ml.use_case import UseCase, discover

_REPOSITORY = Path(__file__).resolve().parent.parent


def use_cases_dir() -> Path:
    """Folder of the use cases: ``ML_USE_CASES_DIR``, or ``data`` beside the DAGs."""
    return Path(os.environ.get("ML_USE_CASES_DIR") or _REPOSITORY / "data")


def for_each_use_case(build: Callable[[UseCase], None]) -> Callable[[UseCase], None]:
    """Call ``build``, which makes one DAG, for each use case that can be read.

    One that cannot be read is left out here, so that it takes no other one with it: a DAG
    file that fails has none of its DAGs scheduled. ``dags/use_cases.py`` reports it.
    """
    for use_case in discover(use_cases_dir()):
        if problem(use_case) is None:
            build(use_case)
    return build


def problem(use_case: UseCase) -> ContractError | None:
    """What is wrong with a use case's files, schedules included; ``None`` where all is well."""
    try:
        schedules = use_case.config.schedules
        for name, expression in schedules.model_dump().items():
            if expression is not None:
                _check_cron(use_case, name, expression)
    except ContractError as error:
        return error
    return None


def _check_cron(use_case: UseCase, name: str, expression: str) -> None:
    try:
        cron(expression).validate()
    except AirflowTimetableInvalid as error:
        raise ContractError(
            str(use_case.folder / "model.yaml"), f"schedules.{name} is {expression!r}: {error}"
        ) from error
