"""Population stability index (PSI): how far the distribution of one sample is from another's.

``PSI = Σ (wᵢ - rᵢ) · ln(wᵢ / rᵢ)`` over bins, ``r`` and ``w`` being the shares of reference and window
(Siddiqi, Credit Risk Scorecards, 2006; it is the divergence of Jeffreys, 1946). 0 means equal shares.
It does not see where in a bin the values lie, nor how columns move together.

Two samples of one distribution do not have PSI 0: it is then distributed as
``(1/n + 1/m) · χ²(bins - 1)`` for ``n`` and ``m`` rows (Yurdakul, Statistical Properties of Population
Stability Index, dissertation, Western Michigan University, 2018). A limit alone would therefore cry wolf on
small windows; :func:`critical_value` says what chance alone explains.
"""

from __future__ import annotations

import numpy as np
from scipy.special import chdtrc, chdtri

from ml.monitoring.binning import Counts, Floats

_EMPTY = 0.5
"""Rows that an empty bin is taken to hold where the other sample has some."""


def psi(reference: Counts, window: Counts) -> Floats:
    """PSI of counts per bin, shape ``[..., bins]``; at least one row in each sample.

    Always finite: a bin that is empty in one sample counts as half a row of it, a bin that is empty in both
    counts as no bin. Without empty bins it is the formula as it stands.

    >>> psi(np.array([40, 30, 30]), np.array([35, 25, 40])).round(4)
    np.float64(0.0446)
    """
    r, w = _shares(reference, window), _shares(window, reference)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = (w - r) * np.log(w / r)
    return np.asarray(np.where(r + w > 0, terms, 0).sum(axis=-1))[()]


def critical_value(reference: Counts, window: Counts, level: float) -> Floats:
    """The PSI that two samples of one distribution, this large, exceed with probability ``level``.

    Shape as in :func:`psi`. The approximation is good while most bins hold some rows; at 200 rows and shares
    of under 1 % the true probability is up to twice ``level``.
    """
    bins = np.count_nonzero(reference + window, axis=-1)
    quantile = chdtri(np.maximum(bins - 1, 1), level)
    return np.asarray(np.where(bins > 1, quantile, 0) * (1 / reference.sum(axis=-1) + 1 / window.sum(axis=-1)))[()]


def p_value(reference: Counts, window: Counts) -> float:
    """Probability that two samples of one distribution, this large, have at least this PSI, shape ``[bins]`` each.

    As good an approximation as :func:`critical_value`.
    """
    bins = np.count_nonzero(reference + window)
    if bins < 2:
        return 1.0
    return float(chdtrc(bins - 1, psi(reference, window) / (1 / reference.sum() + 1 / window.sum())))


def _shares(sample: Counts, other: Counts) -> Floats:
    rows = np.where((sample == 0) & (other > 0), _EMPTY, sample)
    return np.asarray(rows / rows.sum(axis=-1, keepdims=True))
