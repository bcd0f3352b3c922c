"""Trains the candidates, chooses the champion and registers it as a new version."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ml.contract import Column
from ml.errors import ConfigError
from ml.features import read_snapshot
from ml.model_config import Candidate, Metric, ModelConfig, Tuning
from ml.settings import Settings
from ml.tracking import client, version_url
from ml.training.candidates import chosen
from ml.training.fitting import Fitted, fit
from ml.training.holdout import hold_out
from ml.training.leftovers import clear_leftovers, living
from ml.training.registration import Training, register
from ml.training.trainer import Trainer
from ml.training.tuning import journal_path
from ml.use_case import UseCase

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingResult:
    """The champion, and the chosen metric of each candidate on the hold-out.

    The champion is the best by cross-validation on the training part, which the hold-out had no part in.
    """

    run_id: str
    model_name: str
    model_version: str
    metric_name: str
    metric_value: float
    candidates: dict[str, float]
    n_train: int
    n_test: int
    n_features: int


def train(
    settings: Settings,
    use_case: UseCase,
    *,
    metric: str | None = None,
    candidates: Sequence[str] | None = None,
    late_features: Sequence[str] | None = None,
    model_name: str | None = None,
    trials: int | None = None,
    seconds: float | None = None,
) -> TrainingResult:
    """Tune and fit each candidate on the training part, register the best by cross-validation.

    All are judged on the hold-out too, which has no part in the choice. What is ``None`` is as in ``model.yaml``;
    ``trials`` and ``seconds`` are those of its ``tuning``. Nothing is put into production. Raises
    :class:`ConfigError` on an unknown name, :class:`NotEnoughData` on too few rows or one class only,
    :class:`ml.errors.Unavailable` where MLflow or Postgres does not answer; in all these cases no version is made.
    """
    config = _configured(use_case.config, metric=_metric(metric) if metric else None, trials=trials, seconds=seconds)
    wanted = chosen(config, candidates)
    features = _features(use_case, config.late_features if late_features is None else late_features)
    snapshot = read_snapshot(settings, use_case)
    data = hold_out(use_case, snapshot, features)
    training = Training(
        use_case=use_case,
        config=config,
        model_name=model_name or config.model_name,
        features=features,
        rows=snapshot.frame,
        data=data,
        snapshot_id=snapshot.id,
        files=snapshot.files,
        at=dt.datetime.now(dt.UTC),
    )
    with living(settings, use_case, training.tags["training"]), client(settings) as registry:
        clear_leftovers(settings, use_case)
        trainer = Trainer(training.part, wanted, partial(_journal, settings.studies_dir, training))
        fitted = [fit(training, trainer, name) for name in wanted]
        champion = max(fitted, key=lambda f: f.model.cv_score)
        _log_comparison(fitted, champion, config.metric)
        version = register(settings, registry, training, champion)
    log.info("Registered: %s", version_url(settings, training.model_name, version))
    return TrainingResult(
        run_id=champion.run_id,
        model_name=training.model_name,
        model_version=version,
        metric_name=config.metric.value,
        metric_value=champion.metrics[config.metric],
        candidates={f.name: f.metrics[config.metric] for f in fitted},
        n_train=len(data.train),
        n_test=len(data.test),
        n_features=len(features),
    )


def _configured(config: ModelConfig, metric: Metric | None, trials: int | None, seconds: float | None) -> ModelConfig:
    """The configuration with what this training was started with."""
    budget = {name: value for name, value in {"trials": trials, "seconds": seconds}.items() if value is not None}
    tuning = Tuning.model_validate(config.tuning.model_dump() | budget)
    return config.model_copy(update={"tuning": tuning, "metric": metric or config.metric})


def _journal(folder: Path, training: Training, name: str, candidate: Candidate) -> Path:
    """The file of a candidate's study: the same for the same rows, configuration and code of the tuning."""
    identity = [
        training.use_case.name,
        name,
        training.snapshot_id,
        candidate.model_dump_json(),
        *training.params.items(),
    ]
    return journal_path(folder, *identity, training.config.tuning.model_dump_json())


def _metric(name: str) -> Metric:
    try:
        return Metric(name)
    except ValueError as error:
        raise ConfigError(f"No metric {name!r}; there are {', '.join(Metric)}.") from error


def _features(use_case: UseCase, late: Sequence[str]) -> tuple[Column, ...]:
    unknown = sorted(set(late) - set(use_case.contract.late_features))
    if unknown:
        known = ", ".join(use_case.contract.late_features) or "none"
        raise ConfigError(f"No late feature {', '.join(unknown)}; the contract has: {known}.")
    return use_case.contract.model_features(tuple(late))


def _log_comparison(fitted: Sequence[Fitted], champion: Fitted, metric: Metric) -> None:
    for candidate in sorted(fitted, key=lambda f: -f.model.cv_score):
        mark = "champion" if candidate is champion else ""
        figures = "  ".join(f"{name} {value:.4f}" for name, value in candidate.metrics.items())
        log.info(
            "%-24s %6.1f s  cv %s %.4f  hold-out: %s  %s",
            candidate.name, candidate.seconds, metric.value, candidate.model.cv_score, figures, mark,
        )  # fmt: skip
