"""Classifier two-sample test: can a classifier tell rows of the window from rows of the reference?

Where both come from one distribution, it cannot: its area under the ROC curve is 0.5 but for chance (Lopez-Paz
and Oquab, Revisiting Classifier Two-Sample Tests, ICLR 2017; the area in place of the accuracy, since it needs no
threshold and no equal sizes). It sees columns that move together, where each alone stays as it was.

The classifier is boosted trees with cross-fitting: each half of the rows is scored by one that was fitted on the
other half. It does not see the order of rows, nor changes that only far more rows than the sample's could show.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from lightgbm import LGBMClassifier
from numpy.typing import NDArray
from scipy.special import ndtr
from scipy.stats import rankdata
from sklearn.model_selection import StratifiedKFold

from ml.monitoring.binning import Floats

Labels = NDArray[np.int64]

_LEAST = 50
"""With fewer rows in either sample there is nothing to learn from."""
_Z95 = 1.959963984540054


@dataclass(frozen=True)
class TwoSample:
    """The area under the ROC curve with its 95 % interval, and the p-value of 0.5."""

    auc: float
    low: float
    high: float
    p_value: float


def tell_apart(reference: Floats, window: Floats, categories: NDArray[np.bool_]) -> TwoSample | None:
    """The test of two samples, shape ``[rows, features]`` each; None where there are too few rows.

    ``categories``, shape ``[features]``: which columns hold places of categories. NaN is a null. The same samples
    always give the same figures.
    """
    if min(len(reference), len(window)) < _LEAST:
        return None
    rows = np.r_[reference, window]
    labels = np.r_[np.zeros(len(reference), dtype=np.int64), np.ones(len(window), dtype=np.int64)]
    halves = StratifiedKFold(2, shuffle=True, random_state=0).split(rows, labels)
    areas, p_values, errors = zip(*(_of_half(rows, labels, categories, *half) for half in halves), strict=True)
    auc, error = float(np.mean(areas)), float(np.mean(errors))
    # Each half is a valid test, but the two depend on each other: twice the mean of p-values is valid all the
    # same (Rüschendorf, 1982), and the error of a mean is at most the mean error.
    return TwoSample(auc, auc - _Z95 * error, auc + _Z95 * error, min(2 * float(np.mean(p_values)), 1.0))


def _of_half(
    rows: Floats, labels: Labels, categories: NDArray[np.bool_], fit: Labels, score: Labels
) -> tuple[float, float, float]:
    """Area, one-sided p-value and standard error on the half to score."""
    model = LGBMClassifier(
        n_estimators=40, learning_rate=0.15, num_leaves=15, n_jobs=1, deterministic=True, force_row_wise=True,
        random_state=0, verbose=-1,
    )  # fmt: skip
    model.fit(rows[fit], labels[fit], categorical_feature=np.flatnonzero(categories).tolist())
    scores = np.asarray(model.predict(rows[score], raw_score=True))
    auc, null_error = mann_whitney(scores, labels[score])
    p_value = float(ndtr((0.5 - auc) / null_error)) if null_error else 1.0
    ones = int(labels[score].sum())
    return auc, p_value, standard_error(auc, ones, len(score) - ones)


def mann_whitney(scores: Floats, labels: Labels) -> tuple[float, float]:
    """The area under the ROC curve, and its standard deviation where scores and labels are independent.

    It is the statistic U of Mann and Whitney (1947) over the number of pairs; ties are corrected for.
    """
    ranks, ones, rows = rankdata(scores), int(labels.sum()), len(labels)
    pairs = ones * (rows - ones)
    auc = (ranks[labels == 1].sum() - ones * (ones + 1) / 2) / pairs
    _, tied = np.unique(scores, return_counts=True)
    correction = ((tied**3 - tied) / (rows * (rows - 1))).sum()
    return float(auc), float(np.sqrt((rows + 1 - correction) / (12 * pairs)))


def standard_error(auc: float, ones: int, zeros: int) -> float:
    """Of an area under the ROC curve (Hanley and McNeil, Radiology 143, 1982).

    >>> round(standard_error(0.893, 51, 58), 4)
    0.0325
    """
    first, second = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (ones - 1) * (first - auc**2) + (zeros - 1) * (second - auc**2)
    return float(np.sqrt(max(variance, 0) / (ones * zeros)))
