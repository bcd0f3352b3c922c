"""How good predictions are, by the metrics of the field (scikit-learn's definitions)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from sklearn import metrics

Labels = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float64]

_BY_SCORE: dict[str, Callable[[Labels, Scores], float]] = {
    "roc_auc": metrics.roc_auc_score,
    "average_precision": metrics.average_precision_score,
    "brier": metrics.brier_score_loss,
    "log_loss": metrics.log_loss,
}
_BY_CLASS: dict[str, Callable[[Labels, Labels], float]] = {
    "accuracy": metrics.accuracy_score,
    "f1": lambda y, p: metrics.f1_score(y, p, zero_division=0.0),
    "precision": lambda y, p: metrics.precision_score(y, p, zero_division=0.0),
    "recall": lambda y, p: metrics.recall_score(y, p, zero_division=0.0),
}


def evaluate(labels: Labels, probabilities: Scores, threshold: float) -> dict[str, float]:
    """All metrics of N probabilities of the positive class against N labels of 0 and 1, both classes present.

    f1, precision, recall and accuracy are of the class that ``threshold`` decides.
    """
    decided = (probabilities >= threshold).astype("int64")
    by_score = {name: float(metric(labels, probabilities)) for name, metric in _BY_SCORE.items()}
    return by_score | {name: float(metric(labels, decided)) for name, metric in _BY_CLASS.items()}
