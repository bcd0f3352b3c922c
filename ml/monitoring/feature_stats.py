"""What a model was trained on, summed up: the reference that later data is compared with.

Stored as JSON in ``ml.training_data.feature_stats`` of each version; read back with :class:`FeatureStats`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from ml.contract import Column
from ml.monitoring import binning
from ml.monitoring.binning import Counts, Floats


class _Stats(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, serialize_by_alias=True)


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

    @property
    def histogram(self) -> Counts:
        """Rows in each bin, nulls last."""
        return np.array([*self.counts, self.nulls], dtype=np.int64)

    @property
    def bins(self) -> list[str]:
        """Names of the bins of :attr:`histogram`."""
        return [*binning.labels(self._cuts), "null"]

    def count_values(self, values: Sequence[object] | pd.Series) -> Counts:
        """Rows of other data in these bins; what is no finite number counts as null."""
        return self.count_numbers(as_numbers(values))

    def count_numbers(self, numbers: Floats) -> Counts:
        """As :meth:`count_values`, of numbers read already."""
        return binning.count(numbers, self._cuts)

    @property
    def _cuts(self) -> Floats:
        return binning.cuts(np.array(self.edges, dtype=np.float64), np.array(self.points, dtype=np.float64))


class CategoryStats(_Stats):
    """Rows per category of the contract; ``other`` counts values that the contract does not list."""

    kind: Literal["category"] = "category"
    count: int
    nulls: int
    categories: tuple[str, ...]
    counts: tuple[int, ...]
    other: int

    @property
    def histogram(self) -> Counts:
        """Rows in each bin: categories in the contract's order, other, nulls."""
        return np.array([*self.counts, self.other, self.nulls], dtype=np.int64)

    @property
    def bins(self) -> list[str]:
        """Names of the bins of :attr:`histogram`."""
        return [*self.categories, "not in the contract", "null"]

    def count_values(self, values: Iterable[object]) -> Counts:
        """Rows of other data in these bins."""
        return _count_categories(Counter(values), self.categories)


class FeatureStats(_Stats):
    """The statistics of each feature, by name."""

    format: Literal[1] = 1
    rows: int
    columns: dict[str, Annotated[NumberStats | CategoryStats, Field(discriminator="kind")]]


def feature_stats(frame: pd.DataFrame, features: Sequence[Column]) -> dict[str, Any]:
    """Statistics of the features' columns of a frame, as JSON. Raises ``KeyError`` where a column is missing.

    Nulls are None, NaN and infinities in numbers, None, NaN and the empty text in categories.
    """
    columns = {f.name: (_numbers(frame[f.name]) if f.is_numeric else _categories(frame[f.name], f)) for f in features}
    return FeatureStats(rows=len(frame), columns=columns).model_dump(mode="json")


def as_numbers(values: Sequence[object] | pd.Series) -> Floats:
    """The values as floats, NaN for what is no number."""
    numbers = pd.to_numeric(pd.Series(values), errors="coerce")
    return numbers.to_numpy(dtype=np.float64, na_value=np.nan)


def _numbers(values: pd.Series) -> NumberStats:
    numbers = as_numbers(values)
    finite = numbers[np.isfinite(numbers)]
    described = pd.Series(finite, dtype=np.float64).describe()
    edges, points = binning.find_bins(finite)
    histogram = binning.count(numbers, binning.cuts(edges, points))
    moments = {name: None if np.isnan(value) else float(value) for name, value in described.drop("count").items()}
    return NumberStats.model_validate(
        {
            **moments,
            "count": len(finite),
            "nulls": histogram[-1],
            "edges": edges.tolist(),
            "points": points.tolist(),
            "counts": histogram[:-1].tolist(),
        }
    )


def _categories(values: pd.Series, column: Column) -> CategoryStats:
    rows_by_value = values.value_counts(dropna=False).to_dict()
    *counts, other, nulls = _count_categories(rows_by_value, column.labels).tolist()
    return CategoryStats(
        count=len(values) - nulls, nulls=nulls, categories=column.labels, counts=tuple(counts), other=other
    )


def _count_categories(rows_by_value: Mapping[Any, int], categories: Sequence[str]) -> Counts:
    position = {category: i for i, category in enumerate(categories)}
    counts = np.zeros(len(categories) + 2, dtype=np.int64)
    for value, rows in rows_by_value.items():
        counts[-1 if _is_null(value) else position.get(str(value), -2)] += rows
    return counts


def _is_null(value: Any) -> bool:  # noqa: ANN401  whatever a frame's cell or a JSON value may be
    return value == "" or bool(pd.isna(value))
