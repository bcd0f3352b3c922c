"""Trains the candidates, chooses the champion and registers it as a new version."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from sklearn.model_selection import train_test_split

from ml.contract import Column
from ml.errors import ConfigError, NotEnoughData
from ml.features import read_snapshot, target
from ml.model_config import Metric
from ml.settings import Settings
from ml.tracking import client, version_url
from ml.training.candidates import chosen
from ml.training.fitting import Fitted, Holdout, fit
from ml.training.registration import Training, register
from ml.use_case import UseCase

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingResult:
    """The champion, and the chosen metric of each candidate on the hold-out."""

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
) -> TrainingResult:
    """Fit each candidate on the training part, judge it on the hold-out, register the best.

    What is ``None`` is as in ``model.yaml``. Nothing is put into production. Raises :class:`ConfigError` on an
    unknown name, :class:`NotEnoughData` on too few rows or one class only, :class:`ml.errors.Unavailable`
    where MLflow or Postgres does not answer; in all these cases no version is made.
    """
    config = use_case.config
    judged_by, wanted = _metric(metric or config.metric), chosen(config, candidates)
    features = _features(use_case, config.late_features if late_features is None else late_features)
    snapshot = read_snapshot(settings, use_case)
    data = _split(use_case, snapshot.frame, features)
    training = Training(
        use_case=use_case,
        model_name=model_name or config.model_name,
        metric=judged_by,
        features=features,
        data=data,
        snapshot_id=snapshot.id,
        at=dt.datetime.now(dt.UTC),
    )
    with client(settings) as registry:
        fitted = [fit(training, name, candidate) for name, candidate in wanted.items()]
        champion = max(fitted, key=lambda f: f.metrics[judged_by])
        _log_comparison(fitted, champion, judged_by)
        version = register(settings, registry, training, champion)
    log.info("Registered: %s", version_url(settings, training.model_name, version))
    return TrainingResult(
        run_id=champion.run_id,
        model_name=training.model_name,
        model_version=version,
        metric_name=judged_by.value,
        metric_value=champion.metrics[judged_by],
        candidates={f.name: f.metrics[judged_by] for f in fitted},
        n_train=len(data.train),
        n_test=len(data.test),
        n_features=len(features),
    )


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


def _split(use_case: UseCase, frame: pd.DataFrame, features: Sequence[Column]) -> Holdout:
    """The stratified hold-out. Raises :class:`NotEnoughData` where it cannot be drawn."""
    config, name = use_case.config, use_case.contract.target.name
    if len(frame) < config.min_rows:
        raise NotEnoughData(
            f"{use_case.name} has {len(frame)} rows of features, training needs {config.min_rows}: ingest more data, "
            "or lower min_rows in model.yaml. No version was made."
        )
    labels = target(frame, use_case.contract)
    if labels.value_counts().min() < 2 or labels.nunique() < 2:
        raise NotEnoughData(
            f"{use_case.name}: {int(labels.sum())} of {len(labels)} rows have the positive value of {name!r}; training "
            "needs at least two rows of either class. No version was made."
        )
    try:
        parts = train_test_split(
            frame[[f.name for f in features]],
            labels,
            test_size=config.split.test_size,
            random_state=config.split.seed,
            stratify=labels,
        )
    except ValueError as error:  # a part would have fewer rows than there are classes
        raise NotEnoughData(f"{use_case.name}: {error} No version was made.") from error
    data = Holdout(*parts)
    if data.train_labels.nunique() < 2 or data.test_labels.nunique() < 2:
        raise NotEnoughData(
            f"{use_case.name}: {labels.sum()} of {len(labels)} rows have the positive value of {name!r}; so only one "
            f"class is among those to train on or the {len(data.test)} held out: ingest more data, or change `split` "
            "in model.yaml. No version was made."
        )
    return data


def _log_comparison(fitted: Sequence[Fitted], champion: Fitted, metric: Metric) -> None:
    for candidate in sorted(fitted, key=lambda f: -f.metrics[metric]):
        mark = "champion" if candidate is champion else ""
        figures = "  ".join(f"{name} {value:.4f}" for name, value in candidate.metrics.items())
        log.info("%-28s %6.1f s  %s  %s", candidate.name, candidate.seconds, figures, mark)
