"""Jensen-Shannon divergence: how far two distributions are apart, from 0, the same, to 1, nothing in common."""

from __future__ import annotations

import numpy as np

from ml.monitoring.binning import Counts, Floats


def jensen_shannon(first: Counts, second: Counts) -> float:
    """In bits, of counts per bin, at least one row in each sample (Lin, 1991).

    >>> round(jensen_shannon(np.array([1, 1]), np.array([1, 0])), 4)
    0.3113
    """
    p, q = first / first.sum(), second / second.sum()
    middle = (p + q) / 2
    return (_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2


def _relative_entropy(p: Floats, q: Floats) -> float:
    held = p > 0
    return float(p[held] @ np.log2(p[held] / q[held]))
