"""Builds the profile of a real file: statistics of groups of rows, never a row."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from ml.errors import FileRefused
from ml.links import find_links
from ml.samples.marginal import fit_numbers
from ml.samples.profile_input import ProfileInput, read_input
from ml.samples.profile_schema import Bins, Period, Profile
from ml.samples.strata import LEAST_ROWS, Strata, patterns
from ml.use_case import UseCase

log = logging.getLogger(__name__)

_DECILES = np.arange(0.1, 1.0, 0.1)


def build_profile(use_case: UseCase, csv: Path) -> dict[str, object]:
    """The statistics of a file that keeps the contract, as ``profile.json`` holds them.

    Repeated rows count once and rows without a label not at all. The file is held in memory.
    Raises :class:`FileRefused` where the file cannot be read as the contract says, or has so few rows of a
    class that their statistics would give them away.
    """
    data = read_input(use_case.contract, csv)
    if any((data.label == label).sum() < LEAST_ROWS for label in use_case.contract.target.labels):
        raise FileRefused(str(csv), f"a profile needs {LEAST_ROWS} rows of either class")
    frame, positive = data.frame, data.label == str(use_case.contract.target.positive)
    links = find_links(frame)
    names = [str(name) for name in frame.columns]
    orders = {n: _order(frame[n], positive) for n in names if not is_numeric_dtype(frame[n])}
    bins = {n: _bins(frame[n], orders.get(n)) for n in names}
    strata = Strata(frame, data.period, data.label, patterns(links, frame, data.label), orders)
    profile = Profile(
        format=1,
        use_case=use_case.name,
        source_sha256=data.sha256,
        rows=len(frame),
        decimals={n: _decimals(frame[n]) for n in names if n not in orders},
        bins=bins,
        links=links,
        periods=_periods(data, positive, bins),
        dependences=tuple(strata.dependences()),
        strata=tuple(strata.describe()),
    )
    log.info("%s: %d rows in %d periods, %d strata", csv.name, profile.rows, len(profile.periods), len(profile.strata))
    return profile.model_dump(mode="json", exclude_defaults=True)


def _order(values: pd.Series[str], positive: pd.Series[bool]) -> tuple[str, ...]:
    """Labels by their share of positives, so that a copula, which knows order only, keeps the link to the target."""
    return tuple(positive.groupby(values).mean().sort_values(kind="stable").index)


def _bins(values: pd.Series, order: tuple[str, ...] | None) -> Bins:
    """A bin a label; for numbers, deciles of all values and of those that are not frequent."""
    if order is not None:
        return Bins(labels=order)
    known = values.dropna()
    rest = known[~known.isin(fit_numbers(known.to_numpy()).atoms)]
    cuts = {float(c) for v in (known, rest) for c in v.quantile(_DECILES, interpolation="lower").dropna()}
    return Bins(edges=tuple(int(c) if c.is_integer() else c for c in sorted(cuts)))


def _decimals(values: pd.Series[float], most: int = 6) -> int:
    return next((d for d in range(most) if values.round(d).equals(values)), most)


def _periods(data: ProfileInput, positive: pd.Series[bool], bins: dict[str, Bins]) -> tuple[Period, ...]:
    return tuple(
        Period(
            name=str(name),
            rows=len(rows),
            positives=int(positive[rows.index].sum()),
            counts={column: bins[column].count(rows[column]) for column in bins if len(rows) >= LEAST_ROWS},
        )
        for name, rows in data.frame.groupby(data.period)
    )
