"""What a column of categories in the training data was, as it is stored; other data is counted in its bins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd

from ml.monitoring.category_summary import CategorySummary
from ml.monitoring.stored import Stored


class CategoryStats(Stored):
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


def rows_by_value(values: Iterable[object] | pd.Series) -> dict[Any, int]:
    """How many rows hold each value, nulls among them."""
    series = values if isinstance(values, pd.Series) else pd.Series(list(values), dtype=object)
    counted = series.value_counts(dropna=False).to_dict()
    return {value: rows for value, rows in counted.items() if rows}  # a categorical counts what it does not hold, too
