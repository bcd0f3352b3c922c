"""A column of categories as counts; summaries of parts add up to that of the whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ml.monitoring.binning import Counts

_NAMED = 20
"""So many unknown categories are kept by name, so that a column of free text takes no memory."""
_LONGEST = 40


@dataclass(frozen=True)
class CategorySummary:
    """Rows per category of the contract in its order, then of all others, then nulls.

    ``unknown`` has some of those others by name, cut to 40 characters: the most frequent of each part.
    """

    histogram: Counts
    unknown: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, rows_by_value: Mapping[Any, int], categories: Sequence[str]) -> CategorySummary:
        """Of how many rows hold a value; None, NaN and the empty text are nulls."""
        position = {category: i for i, category in enumerate(categories)}
        histogram = np.zeros(len(categories) + 2, dtype=np.int64)
        unknown: Counter[str] = Counter()
        for value, rows in rows_by_value.items():
            i = -1 if is_null(value) else position.get(str(value), -2)
            histogram[i] += rows
            if i == -2:
                unknown[str(value)[:_LONGEST]] += int(rows)
        return cls(histogram, _most_frequent(unknown))

    def __add__(self, other: CategorySummary) -> CategorySummary:
        return CategorySummary(
            self.histogram + other.histogram, _most_frequent(Counter(self.unknown) + Counter(other.unknown))
        )

    @property
    def rows(self) -> int:
        """Rows with their nulls."""
        return int(self.histogram.sum())

    @property
    def nulls(self) -> int:
        """Rows without a value."""
        return int(self.histogram[-1])

    @property
    def others(self) -> int:
        """Rows whose category the contract does not name."""
        return int(self.histogram[-2])


def is_null(value: Any) -> bool:  # noqa: ANN401  whatever a frame's cell or a JSON value may be
    """None, NaN and the empty text."""
    return value == "" or bool(pd.isna(value))


def _most_frequent(rows_by_name: Mapping[str, int]) -> dict[str, int]:
    ranked = sorted(rows_by_name.items(), key=lambda item: (-item[1], item[0]))
    return dict(ranked[:_NAMED])
