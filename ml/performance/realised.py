"""How good predictions turned out to be, by their labels."""

from __future__ import annotations

from ml.performance.statistics import Figure, ece, statistics
from ml.promotion.resampling import ROUNDS, Floats, intervals


def measure(labels: Floats, probabilities: Floats, positive: Floats, rounds: int = ROUNDS) -> dict[str, Figure]:
    """roc_auc, average_precision, brier, f1 and ece of N rows, N at least 1, with 95 % bootstrap intervals.

    ``positive`` is 1 where the decision was for the positive class. What one class alone does not give, as roc_auc,
    is left out.
    """
    wanted = {**statistics(labels, probabilities, positive), "ece": ece(labels, probabilities)}
    found = intervals(wanted, len(labels), rounds)
    return {name: Figure(*figure) for name, figure in found.items()}
