"""The two-sample test of Kolmogorov and Smirnov: the greatest distance of two cumulative distributions.

It sees any change of a number's distribution, best one near its middle; of nulls it knows nothing.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import kstwo

from ml.monitoring.sketch import Sketch


def kolmogorov_smirnov(reference: Sketch, window: Sketch) -> float:
    """The statistic, from 0 to 1, of two sketches on one grid, at least one row in each.

    Exact where the grid holds each value of the reference.
    """
    (below, up_to), (window_below, window_up_to) = reference.cumulative, window.cumulative
    return float(max(np.abs(below - window_below).max(), np.abs(up_to - window_up_to).max()))


def p_value(statistic: float, n_reference: int, n_window: int) -> float:
    """Probability that samples of one distribution, this large, are at least as far apart.

    The law for large samples without ties, as ``scipy.stats.ks_2samp(method="asymp")`` has it; with ties the true
    probability is smaller, so that alarms are rarer, not more frequent, than stated.
    """
    return float(kstwo.sf(statistic, max(np.round(n_reference * n_window / (n_reference + n_window)), 1)))
