"""What decisions earn, by the configured profit of each kind of them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ml.model_config import Profit


def total_profit(labels: npt.NDArray[np.int64], decided: npt.NDArray[np.bool_], profit: Profit) -> float:
    """Sum over N rows of labels 0 and 1 and of decisions; in the unit of ``profit`` (Elkan, IJCAI 2001)."""
    positive = labels == 1
    kinds = (
        (positive & decided, profit.true_positive),
        (~positive & decided, profit.false_positive),
        (positive & ~decided, profit.false_negative),
        (~positive & ~decided, profit.true_negative),
    )
    return float(sum(np.count_nonzero(rows) * each for rows, each in kinds))


def profit_by_threshold(
    labels: npt.NDArray[np.int64], probabilities: npt.NDArray[np.float64], profit: Profit
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Thresholds, rising, and the total profit at each: at every probability that occurs, and above them all."""
    order = np.argsort(probabilities, kind="stable")
    thresholds, first = np.unique(probabilities[order], return_index=True)
    if_taken = np.where(labels == 1, profit.true_positive, profit.false_positive)[order]
    if_left = np.where(labels == 1, profit.false_negative, profit.true_negative)[order]
    left_below = np.append(0.0, np.cumsum(if_left))
    taken_from = np.append(np.cumsum(if_taken[::-1])[::-1], 0.0)
    at = np.append(first, len(labels))
    return np.append(thresholds, np.nextafter(thresholds[-1], np.inf)), (left_below + taken_from)[at]
