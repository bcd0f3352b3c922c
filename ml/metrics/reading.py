"""A question to the platform's tables, and the metrics that its rows are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from prometheus_client.core import GaugeMetricFamily

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Measure:
    """One metric: the value of ``column`` in each row, labelled with the row's ``labels``. Null: no sample.

    With ``states`` the column holds one of these words, and there is a series for each: 1 for the one it is, else 0.
    """

    name: str
    help: str
    column: str
    labels: tuple[str, ...] = ("use_case",)
    states: tuple[str, ...] = ()

    @property
    def all_labels(self) -> tuple[str, ...]:
        """Names of its labels, that of the state among them."""
        return (*self.labels, self.column) if self.states else self.labels

    def family(self, rows: Iterable[Row]) -> GaugeMetricFamily:
        """Its samples."""
        family = GaugeMetricFamily(self.name, self.help, labels=self.all_labels)
        for row in rows:
            value, labels = row[self.column], [str(row[label]) for label in self.labels]
            if value is None:
                continue
            if not self.states:
                family.add_metric(labels, float(value))
            for state in self.states:
                family.add_metric([*labels, state], float(state == value))
        return family


@dataclass(frozen=True)
class Reading:
    """A query, and what it measures.

    The query may name two relations that are there for all: ``use_cases (use_case, model_name)``, those of the
    folder, and ``production (use_case, model_name, model_version, since)``, what the ledger of promotions says is in
    production; without one, a use case is not in the latter.
    """

    query: str
    measures: tuple[Measure, ...]

    @property
    def sql(self) -> str:
        """The whole statement, with the parameters ``use_cases`` and ``model_names``, lists of the same length."""
        return f"{_RELATIONS} {self.query}"


_RELATIONS = """
WITH use_cases AS (
    SELECT * FROM unnest(%(use_cases)s::text[], %(model_names)s::text[]) AS u (use_case, model_name)
), production AS (
    SELECT use_case, model_name, to_version AS model_version, at AS since
    FROM use_cases CROSS JOIN LATERAL (
        SELECT to_version, at FROM ml.promotions p
        WHERE p.model_name = use_cases.model_name AND stage = 'Production' AND outcome = 'promoted'
        ORDER BY id DESC LIMIT 1
    ) AS last
)
"""
