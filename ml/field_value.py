"""One field of a prediction request: what it may hold, and what is said when it does not.

Strict on purpose: a number written as a string, or a boolean where a number belongs, is a
mistake of the caller that would otherwise become a wrong prediction.
"""

from __future__ import annotations

import json
from math import isfinite

from ml.contract import Column, ColumnType, Scalar
from ml.errors import FieldProblem, InvalidInput

Value = int | float | str | None
"""A field as the model takes it: a number, a category's label, or ``None`` for null."""

_LARGEST_INTEGER = 2**63 - 1  # what the feature table's bigint holds
_SHOWN = 40  # characters of a text; escaped, one takes 12 at most
LARGEST_NUMBER = 3.4028234e38
"""What a model's float32 holds; an unbounded number may not exceed it."""


class NumberField:
    """An integer or number within the contract's range, or one of its numeric categories.

    An integer may be written ``40.0``, as JSON Schema allows. NaN and infinity are refused.
    """

    def __init__(self, column: Column) -> None:
        self.column = column
        self._whole = column.type is ColumnType.INTEGER
        largest = _LARGEST_INTEGER if self._whole else LARGEST_NUMBER
        low, high = column.range or (None, None)
        self._low = -largest if low is None else low
        self._high = largest if high is None else high
        self._categories = frozenset(column.categories or ())
        self._nullable = column.nulls == "allowed"

    def read(self, value: object) -> Value:
        """The value as a number. Raises :class:`InvalidInput` naming the field and what it may hold."""
        if isinstance(value, float) and self._whole and value.is_integer():
            value = int(value)
        if type(value) is int or (type(value) is float and not self._whole and isfinite(value)):
            if self._low <= value <= self._high and (not self._categories or value in self._categories):
                return value
        elif value is None and self._nullable:
            return None
        raise refused(self.column, value)


class CategoryField:
    """One of the contract's categories, written as the contract writes it: text as text, numbers as numbers."""

    def __init__(self, column: Column) -> None:
        self.column = column
        categories = column.categories or ()
        self._labels = {(_kind(c), c): str(c) for c in categories}
        self._texts = {c: c for c in categories if isinstance(c, str)}
        self._nullable = column.nulls == "allowed"

    def read(self, value: object) -> Value:
        """The category's label. Raises :class:`InvalidInput` naming the field and its categories."""
        label = None
        if isinstance(value, str):
            label = self._texts.get(value)
        elif isinstance(value, int | float):
            label = self._labels.get((_kind(value), value))
        elif value is None and self._nullable:
            return None
        if label is None:
            raise refused(self.column, value)
        return label


Field = NumberField | CategoryField


def field(column: Column) -> Field:
    """The reader for a feature column."""
    return NumberField(column) if column.is_numeric else CategoryField(column)


def allowed(column: Column) -> str:
    """What the column may hold, in words: for messages and for the API's docs."""
    null = " or null" if column.nulls == "allowed" else ""
    if column.categories:
        return f"one of {', '.join(json.dumps(c) for c in column.categories)}{null}"
    kind = "a whole number" if column.type is ColumnType.INTEGER else "a number"
    unit = f" ({column.unit})" if column.unit else ""
    return f"{kind}{_bounds(column)}{unit}{null}"


def refused(column: Column, value: object) -> InvalidInput:
    """The error for a value that the column may not hold."""
    return InvalidInput([FieldProblem(column.name, f"must be {allowed(column)}; got {describe(value)}")])


def describe(value: object) -> str:
    """A value of a request, short and in ASCII, as its sender wrote it."""
    if isinstance(value, list):
        return "a list"
    if isinstance(value, dict):
        return "an object"
    text = json.dumps(value[:_SHOWN] if isinstance(value, str) else value)
    return text if len(text) <= 12 * _SHOWN + 2 else "a number of too many digits"


def _bounds(column: Column) -> str:
    low, high = (None if bound is None else f"{bound:.15g}" for bound in column.range or (None, None))
    if low is not None and high is not None:
        return f" from {low} to {high}"
    if low is not None:
        return f" of at least {low}"
    return f" of at most {high}" if high is not None else ""


def _kind(value: Scalar) -> type:
    """Keeps ``true`` apart from ``1``, which Python calls equal; 1 and 1.0 are one number in JSON."""
    return type(value) if isinstance(value, bool | str) else float
