"""A numeric column in a few arrays, whatever its number of rows; summaries of parts add up to that of the whole."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ml.monitoring import binning
from ml.monitoring.binning import Counts, Floats
from ml.monitoring.moments import Moments
from ml.monitoring.sketch import Sketch


@dataclass(frozen=True)
class NumberBins:
    """What a reference's values are counted in: the bins between ``cuts``, and the grid of a sketch."""

    edges: Floats
    points: Floats
    grid: Floats

    @cached_property
    def cuts(self) -> Floats:
        """All cuts between bins, ascending."""
        return binning.cuts(self.edges, self.points)


@dataclass(frozen=True)
class NumberSummary:
    """Rows per bin, nulls last; the sketch and the moments of the values."""

    histogram: Counts
    sketch: Sketch
    moments: Moments

    @classmethod
    def of(cls, values: Floats, bins: NumberBins) -> NumberSummary:
        """Of numbers, in the bins of the reference; NaN and infinities are nulls."""
        present = np.isfinite(values)
        ascending = np.sort(values if present.all() else values[present])
        upto = np.r_[0, np.searchsorted(ascending, bins.cuts, side="right"), len(ascending)]
        return cls(
            histogram=np.append(np.diff(upto), len(values) - len(ascending)).astype(np.int64),
            sketch=Sketch.of(ascending, bins.grid),
            moments=Moments.of(ascending),
        )

    def __add__(self, other: NumberSummary) -> NumberSummary:
        return NumberSummary(self.histogram + other.histogram, self.sketch + other.sketch, self.moments + other.moments)

    @property
    def rows(self) -> int:
        """Rows with their nulls."""
        return int(self.histogram.sum())

    @property
    def nulls(self) -> int:
        """Rows without a value."""
        return int(self.histogram[-1])
