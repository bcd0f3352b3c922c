"""Divides a file's rows into strata, and describes each: its marginals, and how its columns go together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ml.links import Link, holds
from ml.samples import copula
from ml.samples.marginal import Marginal, fit_categories, fit_numbers
from ml.samples.profile_schema import Dependence, Stratum

LEAST_ROWS = 30
"""What fewer rows share is not described by itself: it would come near to being the rows."""


@dataclass(frozen=True)
class Strata:
    """Rows by period, class and the links they hold; ``orders`` has the labels of each category column in order."""

    frame: pd.DataFrame
    period: pd.Series[str]
    label: pd.Series[str]
    pattern: pd.Series[str]
    orders: dict[str, tuple[str, ...]]

    def describe(self) -> Iterator[Stratum]:
        """Each stratum, by class and links, then in order of time.

        One of fewer than :data:`LEAST_ROWS` rows has the marginals of the nearest periods' rows with its own.
        """
        for (label, links), rows in self.frame.groupby([self.label, self.pattern]):
            periods = dict(list(rows.groupby(self.period[rows.index])))
            for period, own in periods.items():
                pool = own if len(own) >= LEAST_ROWS else self._neighbours(str(period), rows)
                marginals = {name: self._marginal(pool[name]) for name in pool.columns}
                yield Stratum(period=period, label=label, links=links, rows=len(own), marginals=marginals)

    def dependences(self) -> Iterator[Dependence]:
        """The copula of each class and pattern, over scores within each period: change over time is no dependence."""
        codes = pd.DataFrame({name: self._codes(str(name)) for name in self.frame})
        for (label, links), rows in codes.groupby([self.label, self.pattern]):
            within = rows.groupby(self.period[rows.index])
            scores = np.concatenate([copula.normal_scores(part.to_numpy()) for _, part in within])
            varying = np.flatnonzero(scores.std(axis=0) > 0)
            columns = tuple(codes.columns[varying])
            upper = copula.pack(copula.fit(scores[:, varying]))
            yield Dependence(label=label, links=links, columns=columns, upper=upper)

    def _neighbours(self, period: str, rows: pd.DataFrame) -> pd.DataFrame:
        """Rows of the nearest periods, whole periods at a time, until there are enough."""
        position = {name: i for i, name in enumerate(sorted(set(self.period)))}
        distance = (self.period[rows.index].map(position) - position[period]).abs().sort_values(kind="stable")
        reach = distance.iloc[LEAST_ROWS - 1]
        return rows.loc[distance.index[distance <= reach]]

    def _marginal(self, values: pd.Series) -> Marginal:
        order = self.orders.get(str(values.name))
        return fit_categories(values, order) if order is not None else fit_numbers(values.to_numpy())

    def _codes(self, name: str) -> pd.Series[float]:
        order = self.orders.get(name)
        return self.frame[name] if order is None else self.frame[name].map({k: float(i) for i, k in enumerate(order)})


def patterns(links: tuple[Link, ...], frame: pd.DataFrame, label: pd.Series[str]) -> pd.Series[str]:
    """Per row, which links it holds: a ``1`` or ``0`` for each, as text.

    A pattern that fewer than :data:`LEAST_ROWS` rows of a class hold counts as the most frequent one of the class.
    """
    pattern = pd.Series("", index=frame.index, dtype=str)
    for link in links:
        pattern = pattern + np.where(holds(link, frame), "1", "0")
    rows = pattern.groupby([label, pattern]).transform("size")
    usual = pattern.groupby(label).transform(lambda of_class: of_class.mode()[0])
    return pattern.where(rows >= LEAST_ROWS, usual)
