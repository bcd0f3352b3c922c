"""The figure that parameters and candidates are chosen by; larger is better."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from sklearn.metrics import average_precision_score, roc_auc_score

from ml.model_config import Metric
from ml.training.threshold import best_f1

_SCORES: dict[Metric, Callable[[npt.NDArray[np.int64], npt.NDArray[np.float64]], float]] = {
    Metric.ROC_AUC: roc_auc_score,
    Metric.AVERAGE_PRECISION: average_precision_score,
    Metric.F1: best_f1,
}


def score(metric: Metric, labels: npt.NDArray[np.int64], probabilities: npt.NDArray[np.float64]) -> float:
    """The metric of N probabilities against N labels of 0 and 1, both classes present; F1 is at its best threshold."""
    return float(_SCORES[metric](labels, probabilities))
