"""Pearson's chi-square test of homogeneity: whether two samples of categories come from one distribution."""

from __future__ import annotations

import numpy as np
from scipy.special import chdtrc

from ml.monitoring.binning import Counts

_EXPECTED = 5.0
"""Bins in which fewer rows are expected in either sample are counted as one (Cochran, 1954)."""


def chi_square(reference: Counts, window: Counts) -> tuple[float, float]:
    """Statistic and p-value of counts per bin, at least one row in each sample.

    The statistic is scipy's ``chi2_contingency`` of the same table, without correction. Bins too rare for the law of
    chi-square are counted as one; with fewer than two bins left there is nothing to tell apart: ``(0, 1)``.
    """
    table = pooled(np.stack([reference, window]))
    if table.shape[1] < 2:
        return 0.0, 1.0
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    statistic = float(((table - expected) ** 2 / expected).sum())
    return statistic, float(chdtrc(table.shape[1] - 1, statistic))


def pooled(table: Counts) -> Counts:
    """Two samples' counts, shape ``[2, bins]``, with rare bins made one, and empty ones left out."""
    share = table.sum(axis=1).min() / table.sum()
    rare = table.sum(axis=0) * share < _EXPECTED
    together = np.c_[table[:, ~rare], table[:, rare].sum(axis=1)]
    return np.asarray(together[:, together.sum(axis=0) > 0])
