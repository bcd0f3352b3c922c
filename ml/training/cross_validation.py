"""Fits and judges on folds; each fold's preprocessing is fitted once, on its own training rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import ClassifierMixin

from ml.contract import Column
from ml.model_config import Candidate
from ml.training.candidates import preprocessor
from ml.training.folds import Fold, Positions

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PreparedFold:
    """A fold as estimators take it, and the positions of its judged rows."""

    x_train: Matrix
    y_train: npt.NDArray[np.int64]
    x_valid: Matrix
    y_valid: npt.NDArray[np.int64]
    valid: Positions

    def predict(self, estimator: ClassifierMixin) -> npt.NDArray[np.float64]:
        """Fit the estimator; returns its probabilities of class 1 for the rows to be judged by."""
        probabilities: npt.NDArray[np.float64] = estimator.fit(self.x_train, self.y_train).predict_proba(self.x_valid)
        return probabilities[:, 1]


def prepare_folds(
    frame: pd.DataFrame, labels: pd.Series, folds: Sequence[Fold], candidate: Candidate, features: Sequence[Column]
) -> list[PreparedFold]:
    """The folds of N rows and labels, preprocessed as the candidate's estimator takes them."""
    prepared = []
    for fold in folds:
        steps = preprocessor(candidate, features)
        x_train = steps.fit_transform(frame.iloc[fold.train])
        x_valid = steps.transform(frame.iloc[fold.valid])
        y = labels.to_numpy()
        prepared.append(PreparedFold(x_train, y[fold.train], x_valid, y[fold.valid], fold.valid))
    return prepared
