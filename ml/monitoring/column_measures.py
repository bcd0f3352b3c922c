"""The statistics of a column, by its kind, with the limits that are configured for it."""

from __future__ import annotations

import numpy as np

from ml.model_config import Drift
from ml.monitoring import kolmogorov_smirnov, psi, wasserstein
from ml.monitoring.binning import Counts
from ml.monitoring.category_summary import CategorySummary
from ml.monitoring.chi_square import chi_square
from ml.monitoring.jensen_shannon import jensen_shannon
from ml.monitoring.measure import Measure
from ml.monitoring.number_summary import NumberSummary
from ml.monitoring.shares import change


def of_numbers(reference: NumberSummary, window: NumberSummary, config: Drift, name: str) -> list[Measure]:
    """PSI, Jensen-Shannon, Kolmogorov-Smirnov, Wasserstein, null rate; at least one row in each, nulls or not."""
    return [
        *_of_bins(reference.histogram, window.histogram, config, name),
        *_of_values(reference, window, config, own=name in config.psi_limits),
        _null_rate(reference, window, config),
    ]


def of_categories(reference: CategorySummary, window: CategorySummary, config: Drift, name: str) -> list[Measure]:
    """PSI, Jensen-Shannon, chi-square, null rate, share of new categories; at least one row in each."""
    statistic, p_value = chi_square(reference.histogram, window.histogram)
    share, p_new = change(reference.others, reference.rows, window.others, window.rows)
    return [
        *_of_bins(reference.histogram, window.histogram, config, name),
        Measure("chi_square", statistic, p_value),
        _null_rate(reference, window, config),
        Measure("new_categories", max(share, 0.0), p_new, config.new_categories_limit),
    ]


def _of_bins(reference: Counts, window: Counts, config: Drift, name: str) -> list[Measure]:
    limit = config.psi_limits.get(name, config.psi_limit)
    return [
        Measure("psi", float(psi.psi(reference, window)), psi.p_value(reference, window), limit),
        Measure("jensen_shannon", float(np.sqrt(jensen_shannon(reference, window)))),
    ]


def _of_values(reference: NumberSummary, window: NumberSummary, config: Drift, *, own: bool) -> list[Measure]:
    """Of the values present; empty where there are none, or the reference kept none."""
    n_window = window.sketch.rows
    if not (len(reference.sketch.grid) and n_window):
        return []
    distance = kolmogorov_smirnov.kolmogorov_smirnov(reference.sketch, window.sketch)
    p_value = kolmogorov_smirnov.p_value(distance, reference.sketch.rows, n_window)
    found = [Measure("ks", distance, p_value, None if own else config.ks_limit)]
    if spread := reference.moments.std:  # a constant has no deviation to measure in; the other statistics see it
        moved = wasserstein.wasserstein(reference.sketch, window.sketch)
        p_value = wasserstein.p_value(moved, reference.sketch, n_window)
        found.append(Measure("wasserstein", moved / spread, p_value, None if own else config.wasserstein_limit))
    return found


def _null_rate(
    reference: NumberSummary | CategorySummary, window: NumberSummary | CategorySummary, config: Drift
) -> Measure:
    more, p_value = change(reference.nulls, reference.rows, window.nulls, window.rows)
    return Measure("null_rate", abs(more), p_value, config.null_rate_limit)
