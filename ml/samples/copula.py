"""Gaussian copula: how the ranks of several columns go together, whatever their distributions.

Sklar's theorem splits a joint distribution into marginals and a copula; the Gaussian one keeps the
correlation of the normal scores. It knows neither tail dependence nor a link that is not monotonic.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import rankdata

Floats = NDArray[np.float64]

_LEAST_EIGENVALUE = 0.02
"""Keeps the matrix positive definite after its figures are rounded, so that Cholesky's factor exists."""


def normal_scores(values: Floats) -> Floats:
    """Normal scores, shape ``[rows, columns]``: each column's ranks (ties share the mean, NaN ranks last) as sigmas."""
    ranks = rankdata(np.nan_to_num(values, nan=np.inf), axis=0)
    return np.asarray(ndtri((ranks - 0.5) / len(values)))


def fit(scores: Floats) -> Floats:
    """Correlation matrix of normal scores, two decimals, positive definite; a constant column is independent."""
    spread = scores.std(axis=0)
    centred = (scores - scores.mean(axis=0)) / np.where(spread > 0, spread, 1)
    correlation = centred.T @ centred / len(scores)
    np.fill_diagonal(correlation, 1.0)
    values, vectors = np.linalg.eigh(correlation)
    positive = (vectors * values.clip(min=_LEAST_EIGENVALUE)) @ vectors.T
    scale = np.sqrt(np.diag(positive))
    return np.asarray((positive / np.outer(scale, scale)).round(2))


def draw_ranks(correlation: Floats, rows: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Ranks, shape ``[rows, columns]``, each column a permutation of ``0 … rows-1``, correlated as given.

    Cholesky's factor is unique, so that the same seed gives the same ranks on every machine.
    """
    latent = random.standard_normal((rows, len(correlation))) @ np.linalg.cholesky(correlation).T
    return latent.argsort(axis=0).argsort(axis=0)


def pack(correlation: Floats) -> tuple[float, ...]:
    """The part above the diagonal, row by row."""
    return tuple(map(float, correlation[np.triu_indices(len(correlation), 1)]))


def unpack(upper: tuple[float, ...], size: int) -> Floats:
    """The matrix whose part above the diagonal :func:`pack` gave."""
    half = np.zeros((size, size))
    half[np.triu_indices(size, 1)] = upper
    return half + half.T + np.eye(size)
