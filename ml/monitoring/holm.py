"""Holm's procedure: many tests at once, with one rate of false alarms for all of them together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ml.monitoring.binning import Floats


def holm(p_values: Sequence[float]) -> Floats:
    """Each p-value as if the test had been the only one, shape and order kept (Holm, 1979).

    Saying "significant" where the result is at most ``rate`` is wrong about any of the tests with probability
    ``rate`` at most, however the tests depend on each other.

    >>> holm([0.01, 0.04, 0.03]).round(4).tolist()
    [0.03, 0.06, 0.06]
    """
    given = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(given)
    adjusted = np.empty_like(given)
    adjusted[order] = np.minimum(np.maximum.accumulate(given[order] * np.arange(len(given), 0, -1)), 1)
    return adjusted
