"""The candidates of ``model.yaml`` as pipelines with the preprocessing inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lightgbm import LGBMClassifier
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from ml.contract import Column
from ml.errors import ConfigError
from ml.model_config import Candidate, EstimatorName, ModelConfig, Scalar
from ml.training.day_of_year import DayOfYear, weights_of
from ml.training.preprocessing import preprocessing

_ESTIMATORS: dict[EstimatorName, type[ClassifierMixin]] = {
    EstimatorName.LOGISTIC_REGRESSION: LogisticRegression,
    EstimatorName.RANDOM_FOREST: RandomForestClassifier,
    EstimatorName.EXTRA_TREES: ExtraTreesClassifier,
    EstimatorName.HIST_GRADIENT_BOOSTING: HistGradientBoostingClassifier,
    EstimatorName.LIGHTGBM: LGBMClassifier,
}
_ALWAYS: dict[EstimatorName, dict[str, Scalar]] = {
    # Else its sums, and with them its trees, would hang on how its threads happen to be scheduled.
    EstimatorName.LIGHTGBM: {"deterministic": True, "force_row_wise": True, "verbose": -1},
}


def chosen(config: ModelConfig, names: Sequence[str] | None) -> dict[str, Candidate]:
    """The candidates of those names, all where none is named. Raises :class:`ConfigError` listing the known ones."""
    unknown = sorted(set(names or ()) - set(config.candidates))
    if unknown:
        raise ConfigError(f"No candidate {', '.join(unknown)}; model.yaml has {', '.join(config.candidates)}.")
    return {name: config.candidates[name] for name in names or config.candidates}


def build(candidate: Candidate, features: Sequence[Column]) -> Pipeline:
    """An unfitted pipeline; takes a frame with the features' columns. Raises :class:`ConfigError` on bad parameters."""
    classifier = ("classifier", estimator(candidate, candidate.params))
    return Pipeline([*preprocessor(candidate, features).steps, classifier])


def preprocessor(candidate: Candidate, features: Sequence[Column]) -> Pipeline:
    """The first steps of the candidate's pipeline, unfitted, for the features it does not do without."""
    own = [f for f in features if f.name not in candidate.without]
    scale = candidate.estimator is EstimatorName.LOGISTIC_REGRESSION
    steps: list[tuple[str, BaseEstimator]] = [("preprocessing", preprocessing(own, scale=scale))]
    if candidate.day_of_year:
        steps.append(("day_of_year", DayOfYear(weights_of(own, *candidate.day_of_year))))
    return Pipeline(steps)


def estimator(candidate: Candidate, params: Mapping[str, Scalar]) -> ClassifierMixin:
    """The last step, unfitted, with those parameters. Raises :class:`ConfigError` on one that it has not."""
    try:
        return _ESTIMATORS[candidate.estimator](**{**_ALWAYS.get(candidate.estimator, {}), **params})
    except TypeError as error:
        raise ConfigError(f"{candidate.estimator.value}: {error}") from error


def one_thread(fitted: ClassifierMixin) -> None:
    """Let a fitted forest predict in one thread: several add up its trees in the order they happen to end in."""
    if isinstance(fitted, RandomForestClassifier | ExtraTreesClassifier):
        fitted.set_params(n_jobs=1)
