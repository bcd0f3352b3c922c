"""The input of a prediction request, read by the contract.

Policy, the same for each use case:

- fields that the model uses are required, but for those that may be null;
- fields of the contract that the model does not use, and unknown fields, are ignored with a warning;
- a value of a wrong type, out of range or of no known category is refused, never guessed at;
- a category column may be spelled one-hot (see :mod:`ml.one_hot`), but not both ways at once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ml import one_hot
from ml.contract import Column, Contract
from ml.errors import FieldProblem, InvalidInput
from ml.field_value import Value, allowed
from ml.field_value import field as reader

_MAX_WARNINGS = 20
_MISSING = object()


@dataclass(frozen=True)
class Parsed:
    """The model's features, in its order, and what the caller should know."""

    values: dict[str, Value]
    warnings: list[str] = field(default_factory=list)


class PayloadParser:
    """Reads payloads for a model that uses ``features``, named as in the contract.

    Raises ``KeyError`` where the contract has no such column.
    """

    def __init__(self, contract: Contract, features: Sequence[str]) -> None:
        self._fields = {name: reader(contract.column(name)) for name in features}
        self._flags = one_hot.flags(contract)
        self._columns = {c.name for c in contract.columns}

    def parse(self, payload: Mapping[str, object]) -> Parsed:
        """The payload's values. Raises :class:`InvalidInput` naming each field that cannot be used."""
        given, warnings = self._others(payload) if payload.keys() - self._fields.keys() else ({}, [])
        values: dict[str, Value] = {}
        problems: list[FieldProblem] = []
        for name, known in self._fields.items():
            value = payload.get(name, _MISSING)
            try:
                if name in given:
                    values[name] = _by_flags(known.column, given[name], twice=value is not _MISSING)
                elif value is not _MISSING:
                    values[name] = known.read(value)
                else:
                    values[name] = _missing(known.column)
                    warnings.append(f"{json.dumps(name)} is missing: taken as null")
            except InvalidInput as error:
                problems.extend(error.problems)
        if problems:
            raise InvalidInput(problems)
        return Parsed(values, warnings)

    def _others(self, payload: Mapping[str, object]) -> tuple[dict[str, dict[str, object]], list[str]]:
        """Flags of columns in use (column → label → value), and a warning for each field that is ignored."""
        given: dict[str, dict[str, object]] = {}
        warnings = []
        for name in payload:
            if name in self._fields:
                continue
            flag = self._flags.get(name)
            if flag and flag.column in self._fields:
                given.setdefault(flag.column, {})[flag.label] = payload[name]
            else:
                why = "is not used by this model" if flag or name in self._columns else "is no field of the contract"
                warnings.append(f"{json.dumps(name[:80])} {why}: ignored")
        more = len(warnings) - _MAX_WARNINGS
        return given, [*warnings[:_MAX_WARNINGS], f"{more} more fields: ignored"] if more > 0 else warnings


def _by_flags(column: Column, given: Mapping[str, object], *, twice: bool) -> str:
    if twice:
        names = ", ".join(sorted(one_hot.flag_name(column, label) for label in given))
        raise InvalidInput([FieldProblem(column.name, f"is given twice: by its name and as {names}")])
    return one_hot.category(column, given)


def _missing(column: Column) -> Value:
    if column.nulls == "allowed":
        return None
    raise InvalidInput([FieldProblem(column.name, f"is missing; must be {allowed(column)}. {column.meaning}")])
