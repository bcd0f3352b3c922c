"""A file's header against the contract."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass

from ml.contract import Contract
from ml.errors import FileRefused

_DELIMITERS = ",;\t|"
_MAX_COLUMNS = 1500
"""Postgres takes 1,600 columns a table."""


@dataclass(frozen=True)
class Header:
    """Names in the file's order, those that the contract ignores included."""

    names: tuple[str, ...]


def read_header(contract: Contract, file: str, text: str) -> Header:
    """Read the first record of a file.

    Columns may stand in any order. Raises :class:`FileRefused` naming columns that are missing, named
    twice or, unless the contract ignores them, unknown; and saying so where the delimiter is another one.
    """
    names = split_header(file, text, contract.file.delimiter)
    expected = [c.name for c in contract.columns]
    missing = [n for n in expected if n not in names]
    problems = [
        ("no column", missing),
        ("more than one column", [n for n in expected if names.count(n) > 1]),
        ("unknown column", _extra(contract, names)),
    ]
    if not text:
        raise FileRefused(file, "it is empty; not even a header")
    if missing:
        _refuse_other_delimiter(contract, file, text, len(missing))
    if any(found for _, found in problems):
        raise FileRefused(file, "the header has " + "; ".join(f"{p} {_list(f)}" for p, f in problems if f), line=1)
    if len(names) > _MAX_COLUMNS:
        raise FileRefused(file, f"the header has {len(names)} columns; the most is {_MAX_COLUMNS}", line=1)
    return Header(tuple(names))


def split_header(file: str, text: str, delimiter: str) -> list[str]:
    """The names in a file's first record. Raises :class:`FileRefused` where it cannot be taken apart."""
    if "\r" in text:
        raise FileRefused(file, "its lines end with a lone carriage return; save it with LF or CRLF", line=1)
    try:
        return next(csv.reader([text], delimiter=delimiter, strict=True), [])
    except csv.Error as error:
        raise FileRefused(file, f"the header cannot be read: {error}", line=1) from error


def _extra(contract: Contract, names: list[str]) -> list[str]:
    known = {c.name for c in contract.columns}
    return [n for n in names if n not in known] if contract.file.extra_columns == "refuse" else []


def _refuse_other_delimiter(contract: Contract, file: str, text: str, missing: int) -> None:
    """Raise where another delimiter would make more of the contract's columns appear."""
    for delimiter in _DELIMITERS.replace(contract.file.delimiter, ""):
        names = split_header(file, text, delimiter)
        if sum(c.name not in names for c in contract.columns) < missing:
            reason = f"its columns are separated by {delimiter!r}, the contract says {contract.file.delimiter!r}"
            raise FileRefused(file, reason, line=1)


def _list(names: Iterable[str]) -> str:
    """The first names, quoted, so that blanks and odd characters show."""
    shown = [repr(n[:80]) for n in names]
    return ", ".join(shown[:10]) + (f" and {len(shown) - 10} more" if len(shown) > 10 else "")
