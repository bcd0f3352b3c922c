"""A sample of rows of bounded size that is drawn while they stream by, and merged with others.

Each row has a random key; the sample holds the rows with the least keys. So any row is as likely in it as any
other, the sample of the whole is that of the samples of its parts, and the same keys give the same sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.contract import Column
from ml.monitoring.binning import Floats
from ml.monitoring.category_summary import is_null

Keys = NDArray[np.uint64]

SIZE = 2_000


def keys_of(start: int, rows: int) -> Keys:
    """A key for each of the rows from number ``start`` on: its number, mixed by SplitMix64 (Steele et al., 2014)."""
    with np.errstate(over="ignore"):
        z = np.arange(start + 1, start + rows + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


@dataclass(frozen=True)
class RowSample:
    """Rows by rising key; ``values``, shape ``[rows, features]``: numbers, places of categories, NaN for nulls."""

    keys: Keys
    values: Floats

    @classmethod
    def of(cls, frame: pd.DataFrame, keys: Keys, features: Sequence[FeatureCode]) -> RowSample:
        """Of a part, each row with its key."""
        least = np.argsort(keys)[:SIZE] if len(keys) <= SIZE else _least(keys)
        drawn = frame.iloc[least]
        values = [code.encode(drawn[code.name]) for code in features]
        return cls(keys[least], np.column_stack(values) if values else np.empty((len(least), 0)))

    def __add__(self, other: RowSample) -> RowSample:
        keys = np.r_[self.keys, other.keys]
        least = np.argsort(keys, kind="stable")[:SIZE]
        return RowSample(keys[least], np.r_[self.values, other.values][least])


@dataclass(frozen=True)
class FeatureCode:
    """How a feature becomes a number: a number as it is, a category (where there are any) as its place."""

    name: str
    categories: tuple[str, ...] | None

    @classmethod
    def of(cls, column: Column) -> FeatureCode:
        """As the contract has the feature."""
        return cls(column.name, None if column.is_numeric else column.labels)

    def encode(self, values: pd.Series) -> Floats:
        """Shape ``[rows]``; a category that is not named has the place after the last."""
        if self.categories is None:
            numbers = as_numbers(values)
            return np.where(np.isfinite(numbers), numbers, np.nan)
        place = {category: float(i) for i, category in enumerate(self.categories)}
        other = float(len(place))
        which, distinct = pd.factorize(values, use_na_sentinel=False)
        return np.array([np.nan if is_null(v) else place.get(str(v), other) for v in distinct], dtype=np.float64)[which]


def as_numbers(values: Sequence[object] | pd.Series) -> Floats:
    """The values as floats, NaN for what is no number."""
    if isinstance(values, pd.Series) and values.dtype.kind in "iuf" and isinstance(values.dtype, np.dtype):
        return values.to_numpy(dtype=np.float64)
    numbers = pd.to_numeric(pd.Series(values), errors="coerce")
    return numbers.to_numpy(dtype=np.float64, na_value=np.nan)


def _least(keys: Keys) -> NDArray[np.intp]:
    least = np.argpartition(keys, SIZE)[:SIZE]
    return np.asarray(least[np.argsort(keys[least])])
