"""How far predicted probabilities are from how often the event happens."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

BINS = 10
_TRIALS = 400
_SEED = 0
"""The same probabilities always give the same level of chance."""


def expected_calibration_error(labels: npt.NDArray[np.int64], probabilities: npt.NDArray[np.float64]) -> float:
    """Mean distance of probability and frequency over ten bins of equal width, each counted by its rows.

    N probabilities of the positive class, from 0 to 1, against N labels of 0 and 1; at least one row. 0 is perfect,
    1 the worst (Naeini, Cooper and Hauskrecht, AAAI 2015; Guo et al., ICML 2017). A bin closes at its lower edge;
    the last one at both. It is never negative, so that few rows alone make it larger: see :func:`by_chance`.
    """
    bins = bins_of(probabilities)
    gaps = np.bincount(bins, weights=probabilities - labels, minlength=BINS)
    return float(np.abs(gaps).sum() / len(labels))


def by_chance(probabilities: npt.NDArray[np.float64], level: float = 0.95) -> float:
    """The error that so many rows of a perfectly calibrated model stay below with that probability.

    The labels are drawn from the probabilities themselves (consistency resampling, Bröcker and Smith, 2007): the
    sum over a bin is drawn as a normal of the bin's variance, which for the few rows of a small bin is rough.
    """
    bins = bins_of(probabilities)
    deviation = np.sqrt(np.bincount(bins, weights=probabilities * (1 - probabilities), minlength=BINS))
    gaps = np.random.default_rng(_SEED).normal(size=(_TRIALS, BINS)) * deviation
    return float(np.quantile(np.abs(gaps).sum(axis=1) / len(probabilities), level))


def bins_of(probabilities: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    """The bin of each probability, from 0 to 9."""
    return np.clip((probabilities * BINS).astype(np.intp), 0, BINS - 1)
