"""How one column is distributed among some rows: counts of its frequent values, quantiles of the rest."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from scipy.special import ndtr, ndtri

Floats = NDArray[np.float64]

_ATOM_ROWS, _ATOM_SHARE = 5, 0.01
"""A number that at least so many rows, and this share of them, hold is counted by itself."""
_ROWS_A_STEP, _MOST_LEVELS = 5, 41
"""Quantiles: no more than one to so many rows, so that none but the two ends is one row's value."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CategoryMarginal(_Strict):
    """Rows by label, labels in the column's order; ``nulls`` counts the rows without one."""

    labels: dict[str, int]
    nulls: int = 0

    def draw(self, rows: int, random: np.random.Generator) -> NDArray[np.object_]:
        """``rows`` labels in the column's order, nulls (``None``) last.

        Shares are kept as nearly as whole rows allow: exactly, where the marginal itself has ``rows`` rows.
        """
        counts = _apportion([*self.labels.values(), self.nulls], rows, random)
        return np.repeat(np.array([*self.labels, None], dtype=object), counts)


class NumberMarginal(_Strict):
    """Rows by frequent value (``atoms``, ascending, with their ``counts``), and what lies between.

    ``spread`` rows hold other values; ``quantiles`` are theirs at :func:`quantile_levels`, rounded to three
    significant digits. ``nulls`` counts the rows without a value.
    """

    atoms: tuple[int | float, ...] = ()
    counts: tuple[int, ...] = ()
    quantiles: tuple[int | float, ...] = ()
    spread: int = 0
    nulls: int = 0

    def draw(self, rows: int, random: np.random.Generator) -> Floats:
        """``rows`` numbers, ascending, nulls (NaN) last; between quantiles the distribution is taken as uniform.

        Shares are kept as nearly as whole rows allow, and the quantiles are hit one by one (stratified).
        """
        *atoms, between, nulls = _apportion([*self.counts, self.spread, self.nulls], rows, random)
        parts = [np.repeat(np.array(self.atoms, dtype=float), atoms), np.full(nulls, np.nan)]
        if between:
            at = (np.arange(between) + random.random(between)) / between
            parts.append(np.interp(at, quantile_levels(self.spread), self.quantiles))
        return np.sort(np.concatenate(parts))


Marginal = CategoryMarginal | NumberMarginal


def fit_categories(values: pd.Series[str], order: tuple[str, ...]) -> CategoryMarginal:
    """Count the labels of a column of text, in the given order; labels that do not occur are left out."""
    counts = values.value_counts()
    return CategoryMarginal(labels={k: int(counts[k]) for k in order if k in counts}, nulls=int(values.isna().sum()))


def fit_numbers(values: Floats) -> NumberMarginal:
    """Summarise numbers; NaN is null."""
    known = values[~np.isnan(values)]
    found, counts = np.unique(known, return_counts=True)
    frequent = counts >= max(_ATOM_ROWS, _ATOM_SHARE * len(known))
    rest = known[~np.isin(known, found[frequent])]
    return NumberMarginal(
        atoms=tuple(map(_plain, found[frequent])),
        counts=tuple(map(int, counts[frequent])),
        quantiles=tuple(_plain(_rounded(q)) for q in np.quantile(rest, quantile_levels(len(rest))))
        if len(rest)
        else (),
        spread=len(rest),
        nulls=len(values) - len(known),
    )


def quantile_levels(rows: int) -> Floats:
    """The levels, 0 and 1 included, at which quantiles of that many rows are kept.

    Evenly spaced on the normal scale, hence dense in the tails, where a straight line between two quantiles
    would fatten a skewed distribution most.
    """
    inner = min(rows // _ROWS_A_STEP, _MOST_LEVELS) - 2
    if inner < 1:
        return np.array([0.0, 1.0])
    reach = -float(ndtri(_ROWS_A_STEP / rows))
    return np.concatenate([[0.0], ndtr(np.linspace(-reach, reach, inner)), [1.0]])


def _apportion(counts: list[int], rows: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Draw ``rows`` from counted kinds by systematic sampling: each kind gets its share, rounded up or down."""
    total = sum(counts)
    at = (np.arange(rows) + random.random()) * (total / rows)
    kinds = np.searchsorted(np.cumsum(counts), at, side="right").clip(max=len(counts) - 1)
    return np.bincount(kinds, minlength=len(counts))


def _rounded(value: float, digits: int = 3) -> float:
    return float(f"{value:.{digits}g}")


def _plain(value: float) -> int | float:
    """A whole number without its ``.0``: the profile is kept in git."""
    return int(value) if float(value).is_integer() else float(value)
