"""The figures of live performance, as statistics of weighted rows (:mod:`ml.promotion.resampling`)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ml.evaluation.calibration_error import BINS, bins_of
from ml.promotion import resampling
from ml.promotion.resampling import Floats, Statistic


@dataclass(frozen=True)
class Figure:
    """One figure with its 95 % interval; None where the rows do not give one."""

    value: float
    low: float | None
    high: float | None


def statistics(labels: Floats, probabilities: Floats, positive: Floats) -> dict[str, Statistic]:
    """Of N rows each: labels of 0 and 1, probabilities of 1, and 1 where the decision was for the positive class."""
    return {
        "roc_auc": resampling.roc_auc(labels, probabilities),
        "average_precision": resampling.average_precision(labels, probabilities),
        "brier": resampling.brier(labels, probabilities),
        "f1": resampling.f1(labels, positive),
    }


def ece(labels: Floats, probabilities: Floats) -> Statistic:
    """Expected calibration error, as :mod:`ml.evaluation.calibration_error` has it."""
    bins, short = bins_of(probabilities), labels - probabilities

    def statistic(weights: Floats) -> float:
        return float(np.abs(np.bincount(bins, weights * short, minlength=BINS)).sum() / weights.sum())

    return statistic
