"""What a model answered: probabilities and predicted classes, summed up; parts add up to the whole."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from ml.monitoring import binning
from ml.monitoring.binning import Counts
from ml.monitoring.moments import Moments
from ml.monitoring.number_stats import NumberStats
from ml.monitoring.number_summary import NumberSummary

_TENTHS = np.arange(1, 10) / 10


@dataclass(frozen=True)
class Answers:
    """Rows per tenth of probability (shape ``[10]``), their moments, how many were predicted positive.

    ``distribution`` is in the bins of what the model answered on its hold-out; None where that is not known.
    """

    tenths: Counts = field(default_factory=lambda: np.zeros(10, dtype=np.int64))
    moments: Moments = field(default_factory=Moments)
    positives: int = 0
    distribution: NumberSummary | None = None

    @classmethod
    def of(cls, probabilities: ArrayLike, predictions: ArrayLike, reference: NumberStats | None) -> Answers:
        """Of N rows."""
        given = np.asarray(probabilities, dtype=np.float64)
        return cls(
            tenths=binning.count(given, _TENTHS)[:-1],
            moments=Moments.of(given),
            positives=int(np.sum(np.asarray(predictions))),
            distribution=reference.count_numbers(given) if reference else None,
        )

    def __add__(self, other: Answers) -> Answers:
        one, two = self.distribution, other.distribution
        return Answers(
            tenths=self.tenths + other.tenths,
            moments=self.moments + other.moments,
            positives=self.positives + other.positives,
            distribution=one + two if one and two else None,
        )
