"""A file with an event time, as rows known from month to month."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from ml.contract import Contract
from ml.errors import ConfigError, FileRefused
from ml.features import target, typed
from ml.samples.profile_input import WHOLE, months_of

Rows = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Window:
    """One month, or several where one alone has too few rows; positions of its rows in the history."""

    name: str
    months: tuple[str, ...]
    rows: Rows


@dataclass(frozen=True)
class History:
    """N rows as models take them, their labels of 0 and 1, the month of each (``YYYY-MM``), in the file's order."""

    frame: pd.DataFrame
    labels: pd.Series
    months: pd.Series

    @property
    def times(self) -> pd.Series:
        """The first day of each row's month."""
        return pd.to_datetime(self.months, format="%Y-%m")


def read_history(contract: Contract, path: Path) -> History:
    """Read a file. Raises :class:`ConfigError` without an event time, :class:`FileRefused` where it cannot be read."""
    if contract.event_time is None:
        raise ConfigError(f"{contract.use_case} has no event time: there are no months to replay.")
    try:
        text = pd.read_csv(
            path, sep=contract.file.delimiter, dtype=str, keep_default_na=False, na_values=[contract.file.null]
        )
        text = text[[c.name for c in contract.columns]].drop_duplicates(ignore_index=True)
        text = text[text[contract.target.name].isin(contract.target.labels)].reset_index(drop=True)
        frame = pd.DataFrame({c.name: typed(text[c.name], c) for c in contract.columns})
        months = months_of(contract, text)
    except (OSError, KeyError, ValueError) as error:
        raise FileRefused(str(path), f"it cannot be read as the contract says: {error}") from error
    if (months == WHOLE).any():
        raise ConfigError(f"{contract.use_case} has no column of dates: there are no months to replay.")
    return History(frame, target(frame, contract), months)


def windows(history: History, min_rows: int) -> list[Window]:
    """The months in order of time; one of fewer than ``min_rows`` rows, or of one class, is part of the next.

    What is left at the end is part of the last.
    """
    names = sorted(set(history.months))
    ends, first = [0], 0
    for last in range(1, len(names) + 1):
        rows = history.months.isin(names[first:last])
        if rows.sum() >= min_rows and history.labels[rows].nunique() == 2:
            ends.append(last)
            first = last
    if len(ends) > 1:
        ends[-1] = len(names)
    return [_window(history, tuple(names[a:b])) for a, b in pairwise(ends)]


def _window(history: History, months: tuple[str, ...]) -> Window:
    name = months[0] if len(months) == 1 else f"{months[0]}…{months[-1]}"
    return Window(name, months, np.flatnonzero(history.months.isin(months)))
