"""Counts from which two distributions of numbers are compared value by value, kept in bounded memory.

The grid is made of values that the reference holds: all of them where they are few, else its quantiles. Of any
other rows it is then known how many are equal to each grid value, how many lie between two, and how far in sum
from the lower one. Sketches on one grid add up. What follows from them:

- the cumulative distribution at and just below each grid value, exactly. Where no row of the reference lies
  between grid values, its own distribution steps nowhere else, so that the greatest distance of the two
  (:mod:`ml.monitoring.kolmogorov_smirnov`) is exact whatever the other rows hold; else it is too small by no
  more than the reference's share of rows between two grid values, 0.1 %;
- the area below it between two grid values, exactly (:mod:`ml.monitoring.wasserstein`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ml.monitoring.binning import Counts, Floats

_ALL_VALUES = 8_192
"""Up to so many distinct values are all on the grid."""
_QUANTILES = 1_000


def find_grid(ascending: Floats) -> Floats:
    """The grid of a reference's finite values, which are sorted: ascending, its least and greatest included."""
    distinct = ascending[np.r_[True, ascending[1:] != ascending[:-1]]] if len(ascending) else ascending
    if len(distinct) <= _ALL_VALUES:
        return distinct
    return np.unique(np.quantile(ascending, np.arange(_QUANTILES + 1) / _QUANTILES, method="inverted_cdf"))


@dataclass(frozen=True)
class Sketch:
    """Finite values on a grid of G values.

    ``at``, shape ``[G]``: rows equal to a grid value. ``between``, shape ``[G + 1]``: rows below the first, between
    two, above the last. ``excess``, shape ``[G + 1]``: sum of what those are above the grid value below them;
    for the first entry, sum of what they are below the first grid value.
    """

    grid: Floats
    at: Counts
    between: Counts
    excess: Floats

    @classmethod
    def of(cls, ascending: Floats, grid: Floats) -> Sketch:
        """Of finite values, which are sorted."""
        below, up_to = np.searchsorted(ascending, grid, side="left"), np.searchsorted(ascending, grid, side="right")
        starts, ends = np.r_[0, up_to], np.r_[below, len(ascending)]
        between = (ends - starts).astype(np.int64)
        return cls(grid, (up_to - below).astype(np.int64), between, _excess(ascending, grid, starts, between))

    def __add__(self, other: Sketch) -> Sketch:
        """Of both; raises ``ValueError`` where the grids differ."""
        if not np.array_equal(self.grid, other.grid):
            raise ValueError("two sketches on different grids do not add up")
        return Sketch(self.grid, self.at + other.at, self.between + other.between, self.excess + other.excess)

    @property
    def rows(self) -> int:
        """Values counted."""
        return int(self.at.sum() + self.between.sum())

    @property
    def cumulative(self) -> tuple[Floats, Floats]:
        """Share of the rows below each grid value, and up to each, shape ``[G]``; at least one row."""
        up_to = np.cumsum(self.at) + np.cumsum(self.between[:-1])
        return (up_to - self.at) / self.rows, up_to / self.rows


def _excess(ascending: Floats, grid: Floats, starts: Counts, between: Counts) -> Floats:
    total = np.zeros(len(between))
    for i in np.flatnonzero(between) if len(grid) else ():
        values = ascending[starts[i] : starts[i] + between[i]]
        total[i] = np.sum(grid[0] - values) if i == 0 else np.sum(values - grid[i - 1])
    return total
