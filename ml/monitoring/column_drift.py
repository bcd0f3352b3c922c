"""Whether a window drifted from a reference: by more than the limits, and by more than chance explains."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ml.model_config import Drift
from ml.monitoring.category_summary import CategorySummary
from ml.monitoring.column_measures import of_categories, of_numbers
from ml.monitoring.feature_stats import ColumnStats, FeatureStats
from ml.monitoring.holm import holm
from ml.monitoring.measure import Measure
from ml.monitoring.number_stats import NumberStats
from ml.monitoring.number_summary import NumberSummary
from ml.monitoring.summary import ColumnSummary, Summary
from ml.monitoring.two_sample import tell_apart

_LEVEL = 0.5
"""Part of the false-alarm rate that is used: the laws for large samples are off by up to twice where bins hold few
rows."""
PREDICTION, OUTCOME, TOGETHER = "prediction", "outcome", "all columns together"


@dataclass(frozen=True)
class ColumnDrift:
    """A column compared; ``kind`` is number or category, or prediction, outcome or rows for these as a whole.

    ``measures`` begin with the one that says most. ``reference`` and ``window`` are rows per bin, named by
    ``bins``. Means and deviations are None for categories, and where there are too few values. ``unknown`` counts
    categories that the contract does not name.
    """

    column: str
    kind: str
    measures: list[Measure]
    drifted: bool
    bins: list[str]
    reference: list[int]
    window: list[int]
    reference_mean: float | None = None
    reference_std: float | None = None
    window_mean: float | None = None
    window_std: float | None = None
    unknown: Mapping[str, int] | None = None

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> ColumnDrift:
        """As ``asdict`` gave it; of older reports, which had one statistic a column, too."""
        known = {name: stored[name] for name in cls.__dataclass_fields__ if name in stored}
        if "measures" not in stored:
            drifted = stored["drifted"]
            return cls(**known, measures=[Measure("psi", stored["value"], limit=stored["limit"], drifted=drifted)])
        return cls(**{**known, "measures": [Measure(**m) for m in stored["measures"]]})

    @property
    def first(self) -> Measure:
        """The statistic that says most."""
        return self.measures[0]

    @property
    def is_feature(self) -> bool:
        """Whether it is one column of the input."""
        return self.kind in ("number", "category")

    def measure(self, statistic: str) -> Measure | None:
        """The statistic of that name; None where the column has none."""
        return next((m for m in self.measures if m.statistic == statistic), None)

    def __str__(self) -> str:
        return f"{self.column} {self.first}"


def compare(reference: FeatureStats, window: Summary, config: Drift) -> list[ColumnDrift]:
    """All that a window of at least one row has in common with a reference; what drifted most comes first.

    The features, and, where both have them, answers, outcomes and the sampled rows as a whole. A statistic says
    drift where it is above its limit and its p-value, adjusted for all statistics of the check (Holm), is below
    the false-alarm rate: so that neither small windows nor many columns cry wolf, and large windows do not cry
    over what does not matter.
    """
    found = [_compare(name, stats, window.columns[name], config) for name, stats in reference.columns.items()]
    answers = window.answers.distribution if window.answers else None
    if reference.prediction and answers:
        found.append(replace(_compare(PREDICTION, reference.prediction, answers, config), kind="prediction"))
    if reference.label and window.label and window.label.rows:
        found.append(replace(_compare(OUTCOME, reference.label, window.label, config), kind="outcome"))
    found += _together(reference, window, config)
    return sorted(
        _judge(found, config.false_alarm_rate * _LEVEL), key=lambda c: (not c.drifted, -c.first.ratio, c.column)
    )


def _compare(name: str, stats: ColumnStats, window: ColumnSummary, config: Drift) -> ColumnDrift:
    if isinstance(stats, NumberStats):
        assert isinstance(window, NumberSummary)
        return ColumnDrift(
            name,
            "number",
            of_numbers(stats.summary, window, config, name),
            drifted=False,
            bins=stats.bins,
            reference=stats.summary.histogram.tolist(),
            window=window.histogram.tolist(),
            reference_mean=stats.mean,
            reference_std=stats.std,
            window_mean=window.moments.mean if window.moments.count else None,
            window_std=window.moments.std,
        )
    assert isinstance(window, CategorySummary)
    return ColumnDrift(
        name,
        "category",
        of_categories(stats.summary, window, config, name),
        drifted=False,
        bins=stats.bins,
        reference=stats.summary.histogram.tolist(),
        window=window.histogram.tolist(),
        unknown=dict(window.unknown),
    )


def _together(reference: FeatureStats, window: Summary, config: Drift) -> list[ColumnDrift]:
    if reference.sample is None:
        return []
    sample = reference.sample.sample
    categories = np.array([code.categories is not None for code in reference.codes])
    found = tell_apart(sample.values, window.sample.values, categories)
    if found is None:
        return []
    measure = Measure("roc_auc", found.auc, found.p_value, config.auc_limit)
    return [ColumnDrift(TOGETHER, "rows", [measure], False, [], [len(sample.keys)], [len(window.sample.keys)])]


def _judge(found: Sequence[ColumnDrift], level: float) -> list[ColumnDrift]:
    """With each statistic that has a limit judged in the light of all."""
    judged = [m.p_value for c in found for m in c.measures if m.p_value is not None and m.limit is not None]
    adjusted = iter(holm(judged).tolist())
    return [_judged(c, [_verdict(m, adjusted, level) for m in c.measures]) for c in found]


def _verdict(measure: Measure, adjusted: Iterator[float], level: float) -> Measure:
    if measure.p_value is None or measure.limit is None:
        return measure
    p_value = next(adjusted)
    return replace(measure, adjusted=p_value, drifted=measure.value > measure.limit and p_value <= level)


def _judged(column: ColumnDrift, measures: list[Measure]) -> ColumnDrift:
    ranked = sorted(measures, key=lambda m: (not m.drifted, -m.ratio))
    return replace(column, measures=ranked, drifted=ranked[0].drifted)
