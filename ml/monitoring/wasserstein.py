"""Wasserstein distance: how far, on average, values must be moved to make one distribution the other.

It is the area between both cumulative distributions, in the unit of the values; here in standard deviations of the
reference, so that columns are comparable. It grows with how far values moved, which PSI, Jensen-Shannon and
Kolmogorov-Smirnov do not.
"""

from __future__ import annotations

import numpy as np

from ml.monitoring.binning import Floats
from ml.monitoring.sketch import Sketch


def wasserstein(reference: Sketch, window: Sketch) -> float:
    """The distance in the values' unit of two sketches on one grid, at least one row in each.

    Exact where both distributions do not cross between two neighbouring grid values; where they do, the area there
    is that of straight lines.
    """
    grid, width = reference.grid, np.diff(reference.grid)
    (below, up_to), (window_below, window_up_to) = reference.cumulative, window.cumulative
    left, right = up_to[:-1] - window_up_to[:-1], below[1:] - window_below[1:]
    area = np.abs(_areas(reference, up_to, width) - _areas(window, window_up_to, width))
    crossing = left * right < 0
    size = np.where(crossing, np.abs(left) + np.abs(right), 1)
    area = np.where(crossing, width * (left**2 + right**2) / (2 * size), area)
    outside = sum(abs(reference.excess[i] / reference.rows - window.excess[i] / window.rows) for i in (0, len(grid)))
    return float(area.sum() + outside)


def p_value(statistic: float, reference: Sketch, n_window: int) -> float:
    """Upper bound of the probability that samples of one distribution, this large, are at least as far apart.

    The difference of the cumulative distributions is, in large samples, a Brownian bridge ``B(F(x)) / √N``, with
    ``N = nm / (n + m)``. The mean of its area is ``√(2/πN) ∫√(F(1-F))``, and the area exceeds that by ``t`` with
    probability ``exp(-N t² / 2 Var X)`` at most (Borell 1975; Tsirelson, Ibragimov and Sudakov 1976: the variance of
    a function that is 1-Lipschitz in X is that of X at most). ``statistic`` is in the unit of the values; the
    distribution is that of ``reference``, at least two different values.
    """
    n = reference.rows * n_window / (reference.rows + n_window)
    _, up_to = reference.cumulative
    spread, width = np.sqrt(up_to[:-1] * (1 - up_to[:-1])), np.diff(reference.grid)
    mean = np.sqrt(2 / np.pi / n) * float(spread @ width)
    return float(np.exp(-n * max(statistic - mean, 0) ** 2 / (2 * _variance(reference))))


def _areas(sketch: Sketch, up_to: Floats, width: Floats) -> Floats:
    """Below the cumulative distribution, between neighbouring grid values."""
    between, excess = sketch.between[1:-1], sketch.excess[1:-1]
    return up_to[:-1] * width + (between * width - excess) / sketch.rows


def _variance(sketch: Sketch) -> float:
    """Of the grid's values, each with the rows at it and half of those beside it."""
    beside = np.r_[sketch.between[1:-1], 0] / 2 + np.r_[0, sketch.between[1:-1]] / 2
    weights = (sketch.at + beside) / (sketch.at + beside).sum()
    return float(weights @ (sketch.grid - weights @ sketch.grid) ** 2)
