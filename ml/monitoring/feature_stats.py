"""What a model was trained on, summed up: the reference that later data is compared with.

Stored as JSON in ``ml.training_data.feature_stats`` of each version; read back with :class:`FeatureStats`. The
versions of before have neither sketch nor answers, labels and sample: they are compared by what they have.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from pydantic import BaseModel, ConfigDict, Field

from ml.contract import Column
from ml.monitoring import binning
from ml.monitoring.binning import Floats
from ml.monitoring.category_summary import CategorySummary
from ml.monitoring.moments import Moments
from ml.monitoring.number_summary import NumberBins, NumberSummary
from ml.monitoring.row_sample import FeatureCode, RowSample, as_numbers, keys_of
from ml.monitoring.sketch import Sketch, find_grid

LABELS = ("0", "1")
"""Categories of the label: negative, positive."""


class _Stats(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, serialize_by_alias=True)


class SketchStats(_Stats):
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


class NumberStats(_Stats):
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


class CategoryStats(_Stats):
    """Rows per category of the contract; ``other`` counts values that the contract does not list."""

    kind: Literal["category"] = "category"
    count: int
    nulls: int
    categories: tuple[str, ...]
    counts: tuple[int, ...]
    other: int

    @classmethod
    def of(cls, rows_by_value: Mapping[Any, int], categories: tuple[str, ...]) -> CategoryStats:
        """Of how many rows hold a value."""
        summary = CategorySummary.of(rows_by_value, categories)
        *counts, other, nulls = summary.histogram.tolist()
        return cls(count=summary.rows - nulls, nulls=nulls, categories=categories, counts=tuple(counts), other=other)

    @cached_property
    def summary(self) -> CategorySummary:
        """The counts, to be compared with those of other data."""
        return CategorySummary(np.array([*self.counts, self.other, self.nulls], dtype=np.int64))

    @property
    def bins(self) -> list[str]:
        """Names of the bins of a histogram."""
        return [*self.categories, "not in the contract", "null"]

    def count_values(self, values: Iterable[object]) -> CategorySummary:
        """Other data in these bins."""
        return CategorySummary.of(rows_by_value(values), self.categories)


ColumnStats = NumberStats | CategoryStats


class SampleStats(_Stats):
    """Rows of the training data, some drawn at random, as :class:`ml.monitoring.row_sample.RowSample` has them."""

    features: tuple[str, ...]
    rows: tuple[tuple[float | None, ...], ...]

    @cached_property
    def sample(self) -> RowSample:
        """To be computed with."""
        values = np.array(self.rows, dtype=np.float64).reshape(len(self.rows), len(self.features))
        return RowSample(keys_of(0, len(self.rows)), values)


class FeatureStats(_Stats):
    """The statistics of each feature, by name, of the answers on rows held out, of the labels; a sample of rows."""

    format: Literal[1] = 1
    rows: int
    columns: dict[str, Annotated[ColumnStats, Field(discriminator="kind")]]
    prediction: NumberStats | None = None
    label: CategoryStats | None = None
    sample: SampleStats | None = None

    @classmethod
    def of(
        cls,
        frame: pd.DataFrame,
        features: Sequence[Column],
        *,
        probabilities: ArrayLike | None = None,
        labels: ArrayLike | None = None,
    ) -> FeatureStats:
        """Of a frame. Raises ``KeyError`` where a column is missing.

        Nulls are None, NaN and infinities in numbers, None, NaN and the empty text in categories. ``probabilities``:
        what the model answers on rows that it was not fitted on; ``labels``: 0 and 1 of the frame's rows.
        """
        columns = {f.name: _column(frame[f.name], f) for f in features}
        return cls(
            rows=len(frame),
            columns=columns,
            prediction=None if probabilities is None else NumberStats.of(np.asarray(probabilities, dtype=np.float64)),
            label=None
            if labels is None
            else CategoryStats.of(rows_by_value(np.asarray(labels, dtype=np.int64).tolist()), LABELS),
            sample=_sample(frame, features),
        )

    @cached_property
    def codes(self) -> tuple[FeatureCode, ...]:
        """How the features become numbers in a sample, in the order of the reference's own.

        That order is kept beside the rows: a database that stores JSON as ``jsonb`` does not keep that of the columns.
        """
        return tuple(map(self._code, self.sample.features if self.sample else self.columns))

    def _code(self, name: str) -> FeatureCode:
        stats = self.columns[name]
        return FeatureCode(name, None if isinstance(stats, NumberStats) else stats.categories)


def feature_stats(
    frame: pd.DataFrame,
    features: Sequence[Column],
    *,
    probabilities: ArrayLike | None = None,
    labels: ArrayLike | None = None,
) -> dict[str, Any]:
    """:meth:`FeatureStats.of`, as JSON."""
    return FeatureStats.of(frame, features, probabilities=probabilities, labels=labels).model_dump(mode="json")


def readable(stored: dict[str, Any]) -> dict[str, Any]:
    """Stored statistics without what only a computer reads: sketches, and the sample of rows."""
    columns = {name: {k: v for k, v in c.items() if k != "sketch"} for name, c in stored["columns"].items()}
    rest = {name: value for name, value in stored.items() if name != "sample"}
    if prediction := stored.get("prediction"):
        rest["prediction"] = {name: value for name, value in prediction.items() if name != "sketch"}
    return {**rest, "columns": columns}


def rows_by_value(values: Iterable[object] | pd.Series) -> dict[Any, int]:
    """How many rows hold each value, nulls among them."""
    series = values if isinstance(values, pd.Series) else pd.Series(list(values), dtype=object)
    counted = series.value_counts(dropna=False).to_dict()
    return {value: rows for value, rows in counted.items() if rows}  # a categorical counts what it does not hold, too


def _column(values: pd.Series, column: Column) -> ColumnStats:
    if column.is_numeric:
        return NumberStats.of(as_numbers(values))
    return CategoryStats.of(rows_by_value(values), column.labels)


def _sample(frame: pd.DataFrame, features: Sequence[Column]) -> SampleStats:
    drawn = RowSample.of(frame, keys_of(0, len(frame)), [FeatureCode.of(f) for f in features])
    rows = tuple(tuple(None if np.isnan(cell) else cell for cell in row) for row in drawn.values.tolist())
    return SampleStats(features=tuple(f.name for f in features), rows=rows)
