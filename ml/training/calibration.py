"""Brings predicted probabilities in line with the frequencies they stand for.

``sigmoid`` fits a line to log odds (Platt, Probabilistic Outputs for Support Vector Machines, 1999, on the logit as
in Kull et al., Beta calibration, 2017, with one slope). ``isotonic`` fits a rising step function (Zadrozny and
Elkan, 2002) to groups of equal size and joins their means with straight lines: steps would make ties of different
rows, and of a difference in the last digit another probability.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from ml.model_config import CalibrationMethod

Probabilities = npt.NDArray[np.float64]

EPSILON = 1e-7
"""Probabilities are kept that far from 0 and 1, where log odds have no end."""
_GROUPS = 30


@dataclass(frozen=True)
class Sigmoid:
    """``slope`` and ``intercept`` of the line in log odds; 1 and 0 change nothing."""

    slope: float
    intercept: float

    def __call__(self, probabilities: Probabilities) -> Probabilities:
        """N probabilities in line with frequencies; order is kept where the slope is above 0."""
        log_odds = logit(np.clip(probabilities, EPSILON, 1 - EPSILON))
        calibrated: Probabilities = expit(self.slope * log_odds + self.intercept)
        return calibrated


@dataclass(frozen=True)
class PiecewiseLinear:
    """Straight lines through the points (``x``, ``y``), level beyond the first and the last; ``x`` rises strictly."""

    x: list[float]
    y: list[float]

    def __call__(self, probabilities: Probabilities) -> Probabilities:
        """N probabilities in line with frequencies; order is kept, ties may be made."""
        return np.interp(probabilities, self.x, self.y)


Curve = Sigmoid | PiecewiseLinear | None
"""None changes nothing."""


def fit_curve(method: CalibrationMethod, labels: npt.NDArray[np.int64], probabilities: Probabilities) -> Curve:
    """The curve for N probabilities of rows that the model was not fitted on, and their labels of 0 and 1.

    Both classes must be present. Nulls raise scikit-learn's ``ValueError``.
    """
    match method:
        case CalibrationMethod.SIGMOID:
            return _sigmoid(labels, probabilities)
        case CalibrationMethod.ISOTONIC:
            return _isotonic(labels, probabilities)
        case _:
            return None


def apply(curve: Curve, probabilities: Probabilities) -> Probabilities:
    """N probabilities after calibration."""
    return probabilities if curve is None else curve(probabilities)


def _sigmoid(labels: npt.NDArray[np.int64], probabilities: Probabilities) -> Sigmoid:
    log_odds = logit(np.clip(probabilities, EPSILON, 1 - EPSILON)).reshape(-1, 1)
    fitted = LogisticRegression(C=np.inf, tol=1e-8, max_iter=1000).fit(log_odds, labels)
    return Sigmoid(float(fitted.coef_[0, 0]), float(fitted.intercept_[0]))


def _isotonic(labels: npt.NDArray[np.int64], probabilities: Probabilities) -> PiecewiseLinear:
    order = np.argsort(probabilities, kind="stable")
    groups = [g for g in np.array_split(order, min(_GROUPS, len(order))) if len(g)]
    x = np.array([probabilities[g].mean() for g in groups])
    y = np.array([labels[g].mean() for g in groups])
    rising = IsotonicRegression(out_of_bounds="clip").fit(x, y, sample_weight=[len(g) for g in groups])
    return PiecewiseLinear(rising.X_thresholds_.tolist(), rising.y_thresholds_.tolist())
