"""How far two sets of figures differ, and how sure that is: 95 % intervals by the bootstrap.

A round draws as many rows as there are, with replacement, which is to give each row a whole weight. A statistic is
prepared once and then computed for each round's weights. Intervals are percentiles of the rounds (Efron, 1979).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Statistic = Callable[[Floats], float]
"""From a weight a row, not all 0, to a figure; NaN where the rows that have weight give none."""

ROUNDS = 1000
_BOUNDS = (2.5, 97.5)
_SEED = 0
"""The same rows always give the same intervals."""


@dataclass(frozen=True)
class Difference:
    """Two figures, the second less the first, and the interval of that; no interval where rounds give no figure."""

    first: float
    second: float
    difference: float
    low: float | None
    high: float | None


def mean(values: Floats) -> Statistic:
    """The mean of N values."""
    return lambda weights: float(weights @ values / weights.sum())


def quantile(values: Floats, share: float) -> Statistic:
    """The least value that at least this share of the rows does not exceed."""
    order = np.argsort(values)
    ascending = values[order]

    def statistic(weights: Floats) -> float:
        reached = np.cumsum(weights[order])
        at = np.searchsorted(reached, share * reached[-1], side="left")
        return float(ascending[min(at, len(ascending) - 1)])

    return statistic


def roc_auc(labels: Floats, scores: Floats) -> Statistic:
    """Area under the ROC curve of N scores against N labels of 0 and 1; NaN with one class only."""
    order, starts = _tied(scores)
    positive = labels[order]

    def statistic(weights: Floats) -> float:
        drawn = weights[order]
        ones = np.add.reduceat(drawn * positive, starts)
        zeros = np.add.reduceat(drawn * (1 - positive), starts)
        pairs = ones.sum() * zeros.sum()
        below = np.cumsum(zeros) - zeros / 2
        return float(ones @ below / pairs) if pairs else float("nan")

    return statistic


def average_precision(labels: Floats, scores: Floats) -> Statistic:
    """Average precision, as scikit-learn has it; NaN without a positive label."""
    order, starts = _tied(-scores)
    positive = labels[order]

    def statistic(weights: Floats) -> float:
        drawn = weights[order]
        ones = np.add.reduceat(drawn * positive, starts)
        rows = np.cumsum(np.add.reduceat(drawn, starts))
        precision = np.cumsum(ones) / np.maximum(rows, 1e-300)  # without rows there are no ones either
        return float(ones @ precision / ones.sum()) if ones.any() else float("nan")

    return statistic


def brier(labels: Floats, scores: Floats) -> Statistic:
    """Mean squared difference of score and label."""
    return mean((scores - labels) ** 2)


def log_loss(labels: Floats, scores: Floats) -> Statistic:
    """Mean negative log-likelihood; scores of 0 and 1 count as almost that."""
    tiny = np.finfo(np.float64).eps
    given = np.clip(np.where(labels == 1, scores, 1 - scores), tiny, 1 - tiny)
    return mean(-np.log(given))


def f1(labels: Floats, decided: Floats) -> Statistic:
    """F1 of N decisions of 0 and 1; 0 where there is nothing positive to be found or said, as scikit-learn has it."""
    hits, counted = 2 * labels * decided, labels + decided

    def statistic(weights: Floats) -> float:
        total = weights @ counted
        return float(weights @ hits / total) if total else 0.0

    return statistic


def differences(
    statistics: Mapping[str, tuple[Statistic, Statistic]], n_first: int, n_second: int, *, paired: bool
) -> dict[str, Difference]:
    """Each pair of statistics, of ``n_first`` and of ``n_second`` rows, at least one each, and their difference.

    ``paired``: row i of the one and row i of the other belong together, and are drawn together. Raises
    ``ValueError`` where their numbers then differ.
    """
    if paired and n_first != n_second:
        raise ValueError(f"{n_first} and {n_second} rows make no pairs")
    random = np.random.default_rng(_SEED)
    rounds: dict[str, list[float]] = {name: [] for name in statistics}
    for _ in range(ROUNDS):
        first = _draw(random, n_first)
        second = first if paired else _draw(random, n_second)
        for name, (one, other) in statistics.items():
            rounds[name].append(other(second) - one(first))
    return {
        name: _difference(one(np.ones(n_first)), other(np.ones(n_second)), np.array(rounds[name]))
        for name, (one, other) in statistics.items()
    }


def intervals(
    statistics: Mapping[str, Statistic], rows: int, rounds: int = ROUNDS
) -> dict[str, tuple[float, float | None, float | None]]:
    """Each statistic of so many rows, at least one, with its interval; one that these rows do not give is left out."""
    random = np.random.default_rng(_SEED)
    values = {name: value for name, of in statistics.items() if np.isfinite(value := of(np.ones(rows)))}
    found = np.empty((rounds, len(values)))
    for drawn in found:
        weights = _draw(random, rows)
        drawn[:] = [statistics[name](weights) for name in values]
    return {name: (value, *interval(found[:, i])) for i, (name, value) in enumerate(values.items())}


def interval(rounds: Floats) -> tuple[float, float] | tuple[None, None]:
    """What holds 95 of 100 rounds; none where more than half of them give no figure."""
    usable = rounds[np.isfinite(rounds)]
    if len(usable) < len(rounds) / 2:
        return None, None
    low, high = np.percentile(usable, _BOUNDS)
    return float(low), float(high)


def _difference(first: float, second: float, rounds: Floats) -> Difference:
    return Difference(first, second, second - first, *interval(rounds))


def _draw(random: np.random.Generator, rows: int) -> Floats:
    return np.bincount(random.integers(rows, size=rows), minlength=rows).astype(np.float64)


def _tied(scores: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The order from low to high, and where in it another score begins."""
    order = np.argsort(scores)
    ascending = scores[order]
    return order, np.flatnonzero(np.r_[True, ascending[1:] != ascending[:-1]])
