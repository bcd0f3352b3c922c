"""What a numeric column of the training data was, as it is stored; other data is counted in its bins."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from ml.monitoring import binning
from ml.monitoring.binning import Floats
from ml.monitoring.moments import Moments
from ml.monitoring.number_summary import NumberBins, NumberSummary
from ml.monitoring.row_sample import as_numbers
from ml.monitoring.sketch import Sketch, find_grid
from ml.monitoring.stored import Stored


class SketchStats(Stored):
    """A :class:`ml.monitoring.sketch.Sketch`; without ``between`` and ``excess`` the grid holds all values."""

    grid: tuple[float, ...]
    at: tuple[int, ...]
    between: tuple[int, ...] = ()
    excess: tuple[float, ...] = ()

    @classmethod
    def of(cls, sketch: Sketch) -> SketchStats:
        """To be stored."""
        grid, at = sketch.grid.tolist(), sketch.at.tolist()
        if not sketch.between.any():
            return cls(grid=grid, at=at)
        return cls(grid=grid, at=at, between=sketch.between.tolist(), excess=sketch.excess.tolist())

    @property
    def sketch(self) -> Sketch:
        """To be computed with."""
        between = np.array(self.between or [0] * (len(self.grid) + 1), dtype=np.int64)
        excess = np.array(self.excess or [0] * (len(self.grid) + 1), dtype=np.float64)
        return Sketch(np.array(self.grid, dtype=np.float64), np.array(self.at, dtype=np.int64), between, excess)


class NumberStats(Stored):
    """``describe()`` of a numeric column, with its histogram; moments and quartiles are None without values.

    ``counts`` belongs to the bins that :func:`ml.monitoring.binning.cuts` makes of ``edges`` and ``points``.
    """

    kind: Literal["number"] = "number"
    count: int
    nulls: int
    mean: float | None
    std: float | None
    min: float | None
    q25: Annotated[float | None, Field(alias="25%")]
    q50: Annotated[float | None, Field(alias="50%")]
    q75: Annotated[float | None, Field(alias="75%")]
    max: float | None
    edges: tuple[float, ...]
    points: tuple[float, ...]
    counts: tuple[int, ...]
    sketch: SketchStats | None = None

    @classmethod
    def of(cls, numbers: Floats) -> NumberStats:
        """Of a column read as numbers; NaN and infinities are nulls."""
        ascending = np.sort(numbers[np.isfinite(numbers)])
        edges, points = binning.find_bins(ascending)
        summary = NumberSummary.of(numbers, NumberBins(edges, points, find_grid(ascending)))
        described = pd.Series(ascending, dtype=np.float64).describe().drop("count")
        return cls.model_validate(
            {
                **{name: None if np.isnan(value) else float(value) for name, value in described.items()},
                "count": len(ascending),
                "nulls": summary.nulls,
                "edges": edges.tolist(),
                "points": points.tolist(),
                "counts": summary.histogram[:-1].tolist(),
                "sketch": SketchStats.of(summary.sketch),
            }
        )

    @cached_property
    def number_bins(self) -> NumberBins:
        """What other data is counted in."""
        grid = self.sketch.grid if self.sketch else ()
        return NumberBins(*(np.array(of, dtype=np.float64) for of in (self.edges, self.points, grid)))

    @cached_property
    def summary(self) -> NumberSummary:
        """The counts, to be compared with those of other data."""
        nothing = SketchStats(grid=(), at=(), between=(self.count,), excess=(0,))
        variance = (self.std or 0) ** 2
        return NumberSummary(
            histogram=np.array([*self.counts, self.nulls], dtype=np.int64),
            sketch=(self.sketch or nothing).sketch,
            moments=Moments(self.count, self.mean or 0.0, variance * max(self.count - 1, 0)),
        )

    @property
    def bins(self) -> list[str]:
        """Names of the bins of a histogram."""
        return [*binning.labels(self.number_bins.cuts), "null"]

    def count_values(self, values: Sequence[object] | pd.Series) -> NumberSummary:
        """Other data in these bins; what is no finite number counts as null."""
        return self.count_numbers(as_numbers(values))

    def count_numbers(self, numbers: Floats) -> NumberSummary:
        """As :meth:`count_values`, of numbers read already."""
        return NumberSummary.of(numbers, self.number_bins)
