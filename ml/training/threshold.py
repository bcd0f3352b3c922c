"""The probability from which a row is decided to be positive: as given, or the best by F1 or by profit."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ml.model_config import ModelConfig, Profit, ThresholdRule

Labels = npt.NDArray[np.int64]
Probabilities = npt.NDArray[np.float64]


def choose_threshold(config: ModelConfig, labels: Labels, probabilities: Probabilities) -> float:
    """The threshold for N calibrated probabilities of rows that the model was not fitted on, and their labels."""
    rule = config.threshold
    if isinstance(rule, float):
        return rule
    order = np.argsort(-probabilities, kind="stable")
    if rule is ThresholdRule.F1:
        return best_threshold(probabilities[order], f1_by_rank(labels[order]))
    assert config.profit is not None  # the configuration is refused without
    return best_threshold(probabilities[order], profit_by_rank(labels[order], config.profit))


def best_threshold(falling: Probabilities, gain: npt.NDArray[np.float64]) -> float:
    """Where ``gain[k]`` is largest: that of deciding the first k of N falling probabilities to be positive, k = 0 … N.

    Halfway between the last that is decided positive and the next, so that a difference in the last digit changes no
    decision; 1 where none is, 0 where all are. Equal probabilities are decided alike; of equal gains the one with
    the fewest positives is taken.
    """
    parts_equals = np.concatenate([[False], falling[:-1] == falling[1:], [False]])
    k = int(np.argmax(np.where(parts_equals, -np.inf, gain)))
    if k in (0, len(falling)):
        return float(k == 0)
    return float((falling[k - 1] + falling[k]) / 2)


def f1_by_rank(ranked: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """F1 of deciding the first k of N ranked labels to be positive, k = 0 … N."""
    hits = _hits(ranked)
    f1: npt.NDArray[np.float64] = 2 * hits / np.maximum(np.arange(len(hits)) + hits[-1], 1)
    return f1


def profit_by_rank(ranked: npt.NDArray[np.int64], profit: Profit) -> npt.NDArray[np.float64]:
    """What deciding the first k of N ranked labels to be positive earns, k = 0 … N."""
    hits = _hits(ranked)
    false_positives = np.arange(len(hits)) - hits
    earned: npt.NDArray[np.float64] = (
        profit.true_positive * hits
        + profit.false_positive * false_positives
        + profit.false_negative * (hits[-1] - hits)
        + profit.true_negative * (len(ranked) - hits[-1] - false_positives)
    )
    return earned


def best_f1(labels: Labels, probabilities: Probabilities) -> float:
    """F1 of N probabilities against N labels at the threshold where it is largest."""
    order = np.argsort(-probabilities, kind="stable")
    last_of_its_value = np.append(np.diff(probabilities[order]) != 0, True)
    return float(f1_by_rank(labels[order])[1:][last_of_its_value].max())


def _hits(ranked: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """How many of the first k labels are 1, k = 0 … N."""
    return np.concatenate([[0], np.cumsum(ranked)])
