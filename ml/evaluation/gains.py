"""How many of the positives are found by those who take the rows with the highest scores first."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Curve = npt.NDArray[np.float64]


def cumulative_gains(labels: npt.NDArray[np.int64], scores: npt.NDArray[np.float64]) -> tuple[Curve, Curve]:
    """Shares of the rows taken, from 0 to 1, and the shares of the positives among them.

    N labels of 0 and 1, at least one of them 1. Rows of equal score are taken together: between their first and
    their last the curve is straight, which is what a random order among them gives on average.
    """
    order = np.argsort(-scores, kind="stable")
    last_of_equals = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    found = np.cumsum(labels[order])[last_of_equals]
    return np.append(0.0, (last_of_equals + 1) / len(scores)), np.append(0.0, found / found[-1])


def gain_at(labels: npt.NDArray[np.int64], scores: npt.NDArray[np.float64], share: float) -> float:
    """The share of the positives that is found in this share of the rows, those with the highest scores.

    Divided by ``share`` it is the lift: how many times more positives than in as many rows at random.
    """
    taken, found = cumulative_gains(labels, scores)
    return float(np.interp(share, taken, found))
