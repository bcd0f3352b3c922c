"""How much each of several models counts in their mean."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_ROUNDS = 500


def blend_weights(labels: npt.NDArray[np.int64], probabilities: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Weights ``[M]``, none negative, sum 1, of least log loss of the mean of M models' probabilities ``[N, M]``.

    The probabilities are of rows that the models were not fitted on, above 0 and below 1. The mean is a mixture, so
    its weights follow by expectation maximization (Dempster, Laird and Rubin, 1977), to the one optimum, since the
    log loss is convex in them.
    """
    likelihood = np.where(labels[:, None] == 1, probabilities, 1 - probabilities)
    weights: npt.NDArray[np.float64] = np.full(probabilities.shape[1], 1 / probabilities.shape[1])
    for _ in range(_ROUNDS):
        share = likelihood * weights
        weights = (share / share.sum(axis=1, keepdims=True)).mean(axis=0)
    normalised: npt.NDArray[np.float64] = weights / weights.sum()
    return normalised
