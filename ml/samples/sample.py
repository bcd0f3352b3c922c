"""Draws a likeness of a real file from its profile: its size, months, classes, marginals, dependences; no row of it."""

from __future__ import annotations

import calendar

import numpy as np
import pandas as pd

from ml.contract import Column, ColumnType, Contract, Role
from ml.samples import copula
from ml.samples.profile_schema import Dependence, Profile, Stratum
from ml.validation.calendar_columns import calendar_columns

_PERIOD, _LABEL = "_period", "_label"


def render_sample(contract: Contract, profile: Profile, *, seed: int) -> bytes:
    """A sample as a file of the contract's format; the same seed gives the same bytes.

    Text is quoted, numbers and nulls are not.
    """
    frame = draw_sample(contract, profile, seed=seed)
    cells = [_cells(frame[c.name], quoted=not c.is_numeric, null=contract.file.null) for c in contract.columns]
    lines = [[_quoted(c.name) for c in contract.columns], *zip(*cells, strict=True)]
    return "".join(f"{contract.file.delimiter.join(line)}\n" for line in lines).encode()


def draw_sample(contract: Contract, profile: Profile, *, seed: int) -> pd.DataFrame:
    """The contract's columns, ``profile.rows`` rows in order of time, or, where there is none, at random.

    Integers are Int64, numbers float64, all else is text; nulls are missing values. Keys are running numbers.
    """
    random = np.random.default_rng(seed)
    dependences = {(d.label, d.links): d for d in profile.dependences}
    strata = [_draw_stratum(s, dependences[s.label, s.links], random) for s in profile.strata]
    drawn = pd.concat(strata, ignore_index=True).iloc[random.permutation(profile.rows)]
    order = [_PERIOD]
    if day := calendar_columns(contract).order:
        drawn[day] = np.minimum(drawn[day], drawn[_PERIOD].map(_days_in))
        order.append(day)
    drawn = drawn.sort_values(order, kind="stable", ignore_index=True)
    return pd.DataFrame({c.name: _column(c, contract, profile, drawn) for c in contract.columns})


def _draw_stratum(stratum: Stratum, dependence: Dependence, random: np.random.Generator) -> pd.DataFrame:
    """Each column's values from its marginal, in the order that the copula gives."""
    correlation = copula.unpack(dependence.upper, len(dependence.columns))
    ranks = copula.draw_ranks(correlation, stratum.rows, random)
    values = {name: marginal.draw(stratum.rows, random) for name, marginal in stratum.marginals.items()}
    for j, name in enumerate(dependence.columns):
        values[name] = values[name][ranks[:, j]]
    return pd.DataFrame({**values, _PERIOD: stratum.period, _LABEL: stratum.label})


def _days_in(period: str) -> int:
    year, month = map(int, period.split("-"))
    return calendar.monthrange(year, month)[1]


def _column(column: Column, contract: Contract, profile: Profile, drawn: pd.DataFrame) -> pd.Series:
    values = _values(column, contract, profile, drawn)
    if column.type is ColumnType.INTEGER:
        return pd.to_numeric(values).astype("Int64")
    return pd.to_numeric(values).astype(float) if column.is_numeric else values.astype(str)


def _values(column: Column, contract: Contract, profile: Profile, drawn: pd.DataFrame) -> pd.Series:
    days = calendar_columns(contract)
    if column.role is Role.TARGET:
        return drawn[_LABEL]
    if column.role is Role.KEY:
        return drawn.index.to_series()
    if column.name == days.month:
        return drawn[_PERIOD].map(lambda period: days.months[int(period[5:]) - 1])
    if column.name == days.date:
        return drawn[_PERIOD] + drawn[column.name].map("-{:02.0f}".format, na_action="ignore")
    if column.name in profile.decimals:
        return drawn[column.name].round(profile.decimals[column.name]).clip(*(column.range or (None, None)))
    return drawn[column.name]


def _cells(values: pd.Series, *, quoted: bool, null: str) -> list[str]:
    cells = values.astype("str").tolist()
    return [null if missing else _quoted(c) if quoted else c for c, missing in zip(cells, values.isna(), strict=True)]


def _quoted(text: str) -> str:
    doubled = text.replace('"', '""')
    return f'"{doubled}"'
