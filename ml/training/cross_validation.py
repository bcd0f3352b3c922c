"""Fits and judges on folds; each fold's preprocessing is fitted once, on its own training rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.base import ClassifierMixin

from ml.model_config import Candidate
from ml.training.candidates import one_thread, preprocessor
from ml.training.folds import Positions
from ml.training.recency import recency_weights
from ml.training.training_part import TrainingPart

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PreparedFold:
    """A fold as estimators take it, and the positions of its judged rows."""

    x_train: Matrix
    y_train: npt.NDArray[np.int64]
    x_valid: Matrix
    y_valid: npt.NDArray[np.int64]
    valid: Positions
    weights: npt.NDArray[np.float64] | None

    def predict(self, estimator: ClassifierMixin) -> npt.NDArray[np.float64]:
        """Fit the estimator; returns its probabilities of class 1 for the rows to be judged by."""
        fitted = estimator.fit(self.x_train, self.y_train, sample_weight=self.weights)
        one_thread(fitted)
        probabilities: npt.NDArray[np.float64] = fitted.predict_proba(self.x_valid)
        return probabilities[:, 1]


def prepare_folds(part: TrainingPart, candidate: Candidate) -> list[PreparedFold]:
    """The folds of a training part, preprocessed and weighted as the candidate's estimator takes them."""
    y, prepared = part.labels.to_numpy(), []
    for fold in part.folds:
        steps = preprocessor(candidate, part.features)
        x_train = steps.fit_transform(part.frame.iloc[fold.train])
        x_valid = steps.transform(part.frame.iloc[fold.valid])
        weights = recency_weights(part.ages[fold.train], candidate.half_life)
        prepared.append(PreparedFold(x_train, y[fold.train], x_valid, y[fold.valid], fold.valid, weights))
    return prepared
