"""How good predictions probably are while no label has arrived: confidence-based performance estimation (CBPE).

A calibrated probability of 0.8 says that of ten such rows eight are positive, and so how many decisions are right:
each row counts as a positive with weight p and as a negative with weight 1 - p, and every figure is computed on
these 2N weighted rows (NannyML's documentation, "Confidence-based Performance Estimation"; for AUC and average
precision, whose ratio is taken of expectations, the error shrinks with 1/N).

It assumes that the probabilities are calibrated on these very rows. It sees what a change of the inputs does to
performance; it cannot see that the same inputs now mean something else (concept drift), nor that the probabilities
were wrong from the start. Only labels show that, and then both lie side by side.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ml.performance.statistics import Figure, statistics
from ml.promotion.resampling import Floats, Statistic, interval

ROUNDS = 200
_SEED = 0


def estimate(probabilities: Floats, positive: Floats, rounds: int = ROUNDS) -> dict[str, Figure]:
    """Expected roc_auc, average_precision, brier and f1 of N rows, N at least 1.

    ``positive`` is 1 where the decision was for the positive class. The interval holds 95 of 100 outcomes: in each
    round the labels are drawn by their probabilities and the figure is computed as if they were the real ones. The
    same rows always give the same. Raises ``ValueError`` for probabilities outside 0 to 1, NaN included.
    """
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise ValueError("probabilities lie between 0 and 1")
    either = np.repeat([1.0, 0.0], len(probabilities))
    both = statistics(either, np.tile(probabilities, 2), np.tile(positive, 2))
    expected = {name: of(_weights(probabilities)) for name, of in both.items()}
    drawn = _drawn(both, probabilities, rounds)
    return {name: Figure(value, *interval(drawn[name])) for name, value in expected.items() if np.isfinite(value)}


def _drawn(both: Mapping[str, Statistic], probabilities: Floats, rounds: int) -> dict[str, Floats]:
    random = np.random.default_rng(_SEED)
    found = np.empty((rounds, len(both)))
    for row in found:
        labels = (random.random(len(probabilities)) < probabilities).astype(np.float64)
        row[:] = [of(_weights(labels)) for of in both.values()]
    return dict(zip(both, found.T, strict=True))


def _weights(positives: Floats) -> Floats:
    return np.concatenate([positives, 1 - positives])
