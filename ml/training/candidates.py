"""The candidates of ``model.yaml`` as pipelines with the preprocessing inside."""

from __future__ import annotations

from collections.abc import Sequence

from sklearn.base import ClassifierMixin
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from ml.contract import Column
from ml.errors import ConfigError
from ml.model_config import Candidate, EstimatorName, ModelConfig
from ml.training.preprocessing import preprocessing

_ESTIMATORS: dict[EstimatorName, type[ClassifierMixin]] = {
    EstimatorName.LOGISTIC_REGRESSION: LogisticRegression,
    EstimatorName.RANDOM_FOREST: RandomForestClassifier,
    EstimatorName.HIST_GRADIENT_BOOSTING: HistGradientBoostingClassifier,
}


def chosen(config: ModelConfig, names: Sequence[str] | None) -> dict[str, Candidate]:
    """The candidates of those names, all where none is named. Raises :class:`ConfigError` listing the known ones."""
    unknown = sorted(set(names or ()) - set(config.candidates))
    if unknown:
        raise ConfigError(f"No candidate {', '.join(unknown)}; model.yaml has {', '.join(config.candidates)}.")
    return {name: config.candidates[name] for name in names or config.candidates}


def build(candidate: Candidate, features: Sequence[Column]) -> Pipeline:
    """An unfitted pipeline; takes a frame with the features' columns. Raises :class:`ConfigError` on bad parameters."""
    try:
        estimator = _ESTIMATORS[candidate.estimator](**candidate.params)
    except TypeError as error:
        raise ConfigError(f"{candidate.estimator.value}: {error}") from error
    scale = candidate.estimator is EstimatorName.LOGISTIC_REGRESSION
    return Pipeline([("preprocessing", preprocessing(features, scale=scale)), ("classifier", estimator)])
