"""How good predictions are, by the metrics of the field (scikit-learn's definitions where it has them)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from sklearn import metrics

from ml.evaluation.calibration_error import expected_calibration_error
from ml.evaluation.gains import gain_at
from ml.evaluation.profit import total_profit
from ml.model_config import Profit

Labels = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float64]

_BY_SCORE: dict[str, Callable[[Labels, Scores], float]] = {
    "roc_auc": metrics.roc_auc_score,
    "average_precision": metrics.average_precision_score,
    "brier": metrics.brier_score_loss,
    "log_loss": metrics.log_loss,
    "ece": expected_calibration_error,
    "gain_at_10": lambda y, p: gain_at(y, p, 0.1),
    "lift_at_10": lambda y, p: gain_at(y, p, 0.1) / 0.1,
}
_BY_CLASS: dict[str, Callable[[Labels, Labels], float]] = {
    "accuracy": metrics.accuracy_score,
    "f1": lambda y, p: metrics.f1_score(y, p, zero_division=0.0),
    "precision": lambda y, p: metrics.precision_score(y, p, zero_division=0.0),
    "recall": lambda y, p: metrics.recall_score(y, p, zero_division=0.0),
}


def evaluate(labels: Labels, probabilities: Scores, threshold: float, profit: Profit | None = None) -> dict[str, float]:
    """All metrics of N probabilities of the positive class against N labels of 0 and 1, both classes present.

    f1, precision, recall and accuracy are of the class that ``threshold`` decides; so is the profit, as a sum
    (``profit``) and as the mean of a row (``profit_per_row``), where the use case says what decisions earn.
    """
    decided = probabilities >= threshold
    classes = decided.astype("int64")
    found = {name: float(metric(labels, probabilities)) for name, metric in _BY_SCORE.items()}
    found |= {name: float(metric(labels, classes)) for name, metric in _BY_CLASS.items()}
    if profit is None:
        return found
    earned = total_profit(labels, decided, profit)
    return found | {"profit": earned, "profit_per_row": earned / len(labels)}
