"""The one-hot spelling of a category column: a flag ``<column>_<category>`` for each category.

As ``pandas.get_dummies(drop_first=True)`` writes it: the first category in sorted order has
no flag of its own and is meant when all others are false.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from ml.contract import Column, Contract
from ml.errors import FieldProblem, InvalidInput
from ml.field_value import describe


@dataclass(frozen=True)
class Flag:
    """One flag: the column and the category it stands for."""

    column: str
    label: str


def flags(contract: Contract) -> dict[str, Flag]:
    """All flags of a contract's category features by name, those of the first categories included.

    A name that is itself a column, or that two columns would share, is no flag.
    """
    pairs = [
        (flag_name(c, label), Flag(c.name, label)) for c in contract.features if not c.is_numeric for label in c.labels
    ]
    count = Counter(name for name, _ in pairs)
    columns = {c.name for c in contract.columns}
    return {name: flag for name, flag in pairs if count[name] == 1 and name not in columns}


def flag_name(column: Column, label: str) -> str:
    """How the flag of a category is spelled."""
    return f"{column.name}_{label}"


def baseline(column: Column) -> str:
    """The category that has no flag: the first in sorted order."""
    return min(column.labels)


def category(column: Column, given: Mapping[str, object]) -> str:
    """The category that flags (label → value) stand for.

    Flags are booleans, or 0 and 1. One true flag settles it. With none true it is the baseline, provided that
    the flags of all other categories were given. Raises :class:`InvalidInput` otherwise.
    """
    wrong = [
        FieldProblem(flag_name(column, label), f"must be true or false; got {describe(value)}")
        for label, value in given.items()
        if not (isinstance(value, bool) or (type(value) is int and value in (0, 1)))
    ]
    if wrong:
        raise InvalidInput(wrong)
    chosen = [label for label, value in given.items() if value]
    if len(chosen) == 1:
        return chosen[0]
    if chosen:
        names = ", ".join(flag_name(column, label) for label in chosen)
        raise InvalidInput([FieldProblem(column.name, f"only one of its flags may be true; {names} are")])
    return _none_chosen(column, given)


def _none_chosen(column: Column, given: Mapping[str, object]) -> str:
    first = baseline(column)
    missing = [label for label in column.labels if label != first and label not in given]
    if missing:
        why = f"is missing; with no flag of {column.name!r} true, each but the baseline's must be given as false"
        raise InvalidInput([FieldProblem(flag_name(column, label), why) for label in missing])
    if first in given:
        raise InvalidInput([FieldProblem(column.name, "none of its flags is true, that of its baseline included")])
    return first
