"""Parts of the rows that a model is judged on one by one: a category each, and quarters of each number."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd

from ml.contract import Column

NONE = "(none)"
"""The slice of the rows where the column is null."""

Rows = npt.NDArray[np.bool_]


def slice_names(frame: pd.DataFrame, columns: Sequence[Column]) -> pd.DataFrame:
    """The name of each row's slice, a column each.

    Of a category that is its value; of a number, which quarter of the rows it lies in, by bounds of the frame itself:
    fewer than four where values repeat, and one where all are the same. Null is a slice of its own.
    """
    return pd.DataFrame(
        {c.name: _quarters(frame[c.name]) if c.is_numeric else _values(frame[c.name]) for c in columns},
        index=frame.index,
    )


def _values(values: pd.Series) -> pd.Series:
    return values.astype(object).where(values.notna(), NONE).astype(str)


def _quarters(values: pd.Series) -> pd.Series:
    numbers = values.astype("float64")
    bounds = np.unique(np.nanquantile(numbers, [0.25, 0.5, 0.75])) if numbers.notna().any() else np.array([])
    inner = [f"{bound:.4g}" for bound in bounds]
    names = np.array(
        [f"up to {inner[0]}", *(f"{a} to {b}" for a, b in pairwise(inner)), f"above {inner[-1]}"] if inner else [NONE],
        dtype=object,
    )
    found = pd.Series(names[np.searchsorted(bounds, numbers.fillna(0), side="left")], index=values.index)
    return found.where(numbers.notna(), NONE)


def each_slice(names: pd.DataFrame, min_rows: int) -> Iterator[tuple[str, str, Rows]]:
    """Column, slice and which rows it holds, for slices of at least ``min_rows`` rows, in a fixed order."""
    for column in names.columns:
        counts = names[column].value_counts()
        for name in sorted(counts.index[counts >= min_rows]):
            yield str(column), str(name), (names[column] == name).to_numpy(dtype=bool)


def metrics_by_slice(
    names: pd.DataFrame,
    labels: npt.NDArray[np.int64],
    judge: Callable[[Rows], Mapping[str, float]],
    min_rows: int,
) -> pd.DataFrame:
    """A row a slice that has both classes: column, slice, rows, positives, and what ``judge`` says of its rows."""
    return pd.DataFrame(
        {"column": column, "slice": name, "rows": int(rows.sum()), "positives": int(labels[rows].sum()), **judge(rows)}
        for column, name, rows in each_slice(names, min_rows)
        if 0 < labels[rows].sum() < rows.sum()
    )
