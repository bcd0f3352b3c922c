"""Reads a whole file for its profile: columns typed, each row with its period and label."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ml.contract import Column, Contract, Role, RowOrderDates
from ml.errors import FileRefused
from ml.validation.calendar_columns import calendar_columns

WHOLE = "all"
"""The one period of data without event time."""


@dataclass(frozen=True)
class ProfileInput:
    """Distinct rows in file order.

    ``frame`` has the columns to describe: numbers as float64 with NaN for null, what has categories as text.
    A date column is there as its day of the month. ``period`` is ``YYYY-MM`` or :data:`WHOLE`, ``label`` the
    target as text.
    """

    frame: pd.DataFrame
    period: pd.Series[str]
    label: pd.Series[str]
    sha256: str


def described_columns(contract: Contract) -> tuple[Column, ...]:
    """The columns whose distribution is kept: features and a date column, but not the month, which is the period."""
    calendar = calendar_columns(contract)
    dropped = {c.name for c in (*contract.key, contract.target)} | {calendar.month}
    return tuple(c for c in contract.columns if c.name not in dropped)


def read_input(contract: Contract, csv: Path) -> ProfileInput:
    """Read a file. Raises :class:`FileRefused` where it, its header or a number in it cannot be read."""
    try:
        content = csv.read_bytes()
        text = pd.read_csv(
            csv, sep=contract.file.delimiter, dtype=str, keep_default_na=False, na_values=[contract.file.null]
        )
        text = text[[c.name for c in contract.columns]].drop_duplicates(ignore_index=True)
        text = text[text[contract.target.name].isin(contract.target.labels)]
        frame = pd.DataFrame({c.name: _typed(c, text[c.name]) for c in described_columns(contract)})
        period = months_of(contract, text)
    except (OSError, KeyError, ValueError) as error:
        raise FileRefused(str(csv), f"it cannot be read as the contract says: {error}") from error
    return ProfileInput(frame, period, text[contract.target.name], hashlib.sha256(content).hexdigest())


def _typed(column: Column, cells: pd.Series[str]) -> pd.Series:
    if column.role is Role.EVENT_TIME:
        return pd.to_numeric(cells.str[8:10])
    return cells if column.categories is not None else pd.to_numeric(cells).astype(float)


def months_of(contract: Contract, text: pd.DataFrame) -> pd.Series[str]:
    """The month of each row as ``YYYY-MM``, :data:`WHOLE` for all without event time.

    Raises ``ValueError`` where months are derived from the order of rows, and the rows are in no order of time.
    """
    if contract.event_time and contract.event_time.derive:
        return _derived(contract.event_time.derive, text)
    date = calendar_columns(contract).date
    return text[date].ffill().bfill().str[:7] if date else pd.Series(WHOLE, index=text.index, dtype=str)


def _derived(rule: RowOrderDates, text: pd.DataFrame) -> pd.Series[str]:
    """The months of the rule's main clause, see :class:`RowOrderDates`. Raises ``ValueError`` off the order of time."""
    number = {name.lower(): i for i, name in enumerate(rule.months, 1)}
    month = text[rule.month].str.strip().str.lower().map(number).ffill().bfill().astype(int)
    year = rule.start.year + (month.diff() < 0).cumsum()
    if (year.iloc[-1], month.iloc[-1]) > (rule.until.year, rule.until.month):
        raise ValueError(f"its rows run past {rule.until}, so they are in no order of time")
    return year.astype(str) + "-" + month.astype(str).str.zfill(2)
