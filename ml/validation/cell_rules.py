"""What the contract asks of a cell, and how a cell's text is read as its column's type.

Strict on purpose, since a file is written by a program that can be corrected: no blanks around
a value, ASCII digits only, and nothing that is merely like a number.

- An integer is ``[+-]?`` and digits, at most 18 of them after leading zeros. ``5.0`` and ``1e3`` are none.
- A number is a finite decimal, ``.`` before its fraction, with an exponent of at most two digits if any:
  all that a model's float32 tells apart. ``NaN``, ``inf`` and ``1,5`` are none.
- A date is ``YYYY-MM-DD`` and a day of the calendar, in the years 1000 to 2999.
- A category is one of the contract's, letter by letter; of a numeric column, by its value.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from math import inf
from typing import cast

import pandas as pd

from ml.contract import Column, ColumnType
from ml.field_value import LARGEST_NUMBER

PATTERNS = {
    ColumnType.INTEGER: r"[+-]?0*[0-9]{1,18}",
    ColumnType.NUMBER: r"[+-]?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})(?:[eE][+-]?[0-9]{1,2})?",
    ColumnType.DATE: r"[12][0-9]{3}-[0-9]{2}-[0-9]{2}",
}
"""The whole text of a readable cell, by type; a type that is not there takes any text."""


class RuleName(StrEnum):
    """Why a cell, or a row, breaks the contract."""

    NULLS = "nulls"
    TYPE = "type"
    RANGE = "range"
    CATEGORIES = "categories"
    EVENT_TIME = "event_time"


def read_cells(cells: pd.Series[str], column: Column) -> pd.Series[float] | pd.Series[str]:
    """Cells as values to compare: float64 for integers and numbers, else text; null where null or unreadable."""
    pattern = PATTERNS.get(column.type)
    if pattern is None:
        return cells
    readable = cells.where(cells.str.fullmatch(pattern).astype(bool))
    if column.type is ColumnType.DATE:
        return readable.where(pd.to_datetime(readable, format="%Y-%m-%d", errors="coerce").notna())
    return readable.astype("float64")


def limits(column: Column) -> tuple[float | None, float | None] | None:
    """Least and greatest value, where there are such; a number's end that is open is what a model can hold."""
    low, high = column.range or (None, None)
    if column.type is ColumnType.NUMBER:
        return -LARGEST_NUMBER if low is None else low, LARGEST_NUMBER if high is None else high
    return (low, high) if column.is_numeric and (low, high) != (None, None) else None


def accepted(column: Column) -> list[float] | list[str] | None:
    """The categories as :func:`read_cells` would give them; none where any value will do."""
    if column.categories is None:
        return None
    return [float(c) for c in column.categories] if column.is_numeric else list(column.labels)


def broken_cells(cells: pd.Series[str], column: Column) -> Iterator[tuple[RuleName, pd.Series[bool]]]:
    """Each rule of a column with what breaks it, one boolean a cell.

    The same verdict as that of :mod:`ml.validation.expectations`, without its import, which takes longer than
    to score a file.
    """
    values = read_cells(cells, column)
    is_value = values.notna()
    if column.nulls == "forbidden":
        yield RuleName.NULLS, cells.isna()
    if column.type in PATTERNS:
        yield RuleName.TYPE, cells.notna() & ~is_value
    if bounds := limits(column):
        low, high = (infinite if bound is None else bound for bound, infinite in zip(bounds, (-inf, inf), strict=True))
        yield RuleName.RANGE, is_value & ~cast("pd.Series[float]", values).between(low, high)
    if known := accepted(column):
        yield RuleName.CATEGORIES, is_value & ~values.isin(known)
