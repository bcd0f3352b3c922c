"""Finds what trainings left behind that died or were cut off from MLflow, and ends it.

A training that lives holds a lock in Postgres, which its death releases. A run still *running* whose training holds no
lock is ended as KILLED. A version without the checksum of its bundle, of such a training, was never finished: it cannot
be promoted, and is deleted.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.entities.model_registry import ModelVersion

from ml.settings import Settings
from ml.store import holding
from ml.tracking import client
from ml.training.registration import CHECKSUM_TAG
from ml.use_case import UseCase

log = logging.getLogger(__name__)

_TRAINING = "training"
"""Tag of runs and versions: the training that they are of; what has none is not of this platform."""


@dataclass(frozen=True)
class Leftovers:
    """Ids of the runs that were ended, and the versions that were deleted, as ``<model>/<version>``."""

    runs: list[str]
    versions: list[str]


@contextmanager
def living(settings: Settings, use_case: UseCase, training: str) -> Iterator[None]:
    """For as long as a training lives, so that nobody takes its runs for leftovers."""
    with holding(settings.database_url, "training", use_case.name, training):
        yield


def clear_leftovers(settings: Settings, use_case: UseCase) -> Leftovers:
    """End and delete what dead trainings of a use case left; safe to run at any time.

    Raises :class:`ml.errors.Unavailable` where MLflow or Postgres does not answer.
    """
    with client(settings) as registry:
        runs = [run for run in _running(registry, use_case) if _end(settings, registry, use_case, run)]
        unfinished = [v for v in _unfinished(registry, use_case) if _delete(settings, registry, use_case, v)]
    found = Leftovers([r.info.run_id for r in runs], [f"{v.name}/{v.version}" for v in unfinished])
    if found.runs or found.versions:
        log.warning("Leftovers of trainings that died: runs %s, versions %s", found.runs, found.versions)
    return found


def _running(registry: MlflowClient, use_case: UseCase) -> list[Run]:
    experiment = registry.get_experiment_by_name(use_case.config.experiment)
    if experiment is None:
        return []
    wanted = f"attributes.status = 'RUNNING' and tags.use_case = '{use_case.name}'"
    return [run for run in registry.search_runs([experiment.experiment_id], wanted) if _TRAINING in run.data.tags]


def _unfinished(registry: MlflowClient, use_case: UseCase) -> list[ModelVersion]:
    versions = registry.search_model_versions(f"tags.use_case = '{use_case.name}'")
    return [version for version in versions if _TRAINING in version.tags and CHECKSUM_TAG not in version.tags]


def _end(settings: Settings, registry: MlflowClient, use_case: UseCase, run: Run) -> bool:
    with holding(settings.database_url, "training", use_case.name, run.data.tags[_TRAINING]) as dead:
        if dead:
            registry.set_terminated(run.info.run_id, "KILLED")
    return dead


def _delete(settings: Settings, registry: MlflowClient, use_case: UseCase, version: ModelVersion) -> bool:
    with holding(settings.database_url, "training", use_case.name, version.tags[_TRAINING]) as dead:
        if dead:
            registry.delete_model_version(version.name, str(version.version))
    return dead
