"""The input of a model in the API document, from its contract: schema, example, and a table for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ml import one_hot
from ml.contract import Column, ColumnType
from ml.field_value import allowed

Json = dict[str, Any]
_TYPES = {ColumnType.INTEGER: "integer", ColumnType.NUMBER: "number"}


def input_schema(columns: Sequence[Column]) -> Json:
    """JSON schema of the raw fields. Fields that may be null may be left out."""
    return {
        "type": "object",
        "title": "Input",
        "description": (
            "Values of a wrong type, out of range or of no known category are refused: a number written as text is "
            "no number. Unknown fields, and those that the model does not use, are ignored with a warning. A category "
            "may also be spelled one-hot, as `<field>_<category>: true`; with all of a field's flags false it is the "
            "baseline."
        ),
        "properties": {c.name: _property(c) for c in columns},
        "required": [c.name for c in columns if c.nulls != "allowed"],
        "example": {c.name: example(c) for c in columns},
    }


def input_table(columns: Sequence[Column]) -> str:
    """The fields as a Markdown table."""
    rows = [("Field", "Meaning", "May hold", "One-hot baseline"), ("---",) * 4, *map(_row, columns)]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows)


def example(column: Column) -> object:
    """The contract's example, or else some value that the column may hold."""
    if column.example is not None or column.nulls == "allowed":
        return column.example
    return column.categories[0] if column.categories else (column.range or (0,))[0] or 0


def _property(column: Column) -> Json:
    low, high = column.range or (None, None)
    kind = _TYPES.get(column.type)
    schema: Json = {
        "title": column.name,
        "description": f"{column.meaning}: {allowed(column)}.",
        "example": example(column),
    }
    if kind:
        schema["type"] = [kind, "null"] if column.nulls == "allowed" else kind
    if column.categories:
        schema["enum"] = [*column.categories, *([None] if column.nulls == "allowed" else [])]
    bounds = {"minimum": low, "maximum": high}
    return schema | {name: _plain(bound) for name, bound in bounds.items() if bound is not None}


def _plain(bound: float) -> int | float:
    return int(bound) if bound.is_integer() else bound


def _row(column: Column) -> tuple[str, ...]:
    first = "" if column.is_numeric else f"`{one_hot.baseline(column)}`"
    return f"`{column.name}`", column.meaning, allowed(column), first
