"""A window of rows in bounded memory: each column in the bins of a reference; summaries of parts add up."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ml.monitoring.answers import Answers
from ml.monitoring.category_summary import CategorySummary
from ml.monitoring.feature_stats import LABELS, FeatureStats
from ml.monitoring.number_summary import NumberSummary
from ml.monitoring.row_sample import Keys, RowSample, keys_of

ColumnSummary = NumberSummary | CategorySummary


@dataclass(frozen=True)
class Summary:
    """What a window holds. ``answers`` and ``label`` are None where they were not given."""

    rows: int
    columns: dict[str, ColumnSummary]
    sample: RowSample
    answers: Answers | None = None
    label: CategorySummary | None = None

    @classmethod
    def of(
        cls,
        frame: pd.DataFrame,
        reference: FeatureStats,
        *,
        probabilities: ArrayLike | None = None,
        predictions: ArrayLike | None = None,
        labels: ArrayLike | None = None,
        keys: Keys | None = None,
    ) -> Summary:
        """Of a part. A feature that the frame does not have is null in each row.

        ``labels``: 0 and 1, NaN where the outcome is not known. ``keys``: one a row, random and the same whenever
        the row is read; by default they are made of the rows' numbers (give later parts :func:`keys_of` theirs).
        """
        whole = frame.reindex(columns=list(reference.columns))
        columns: dict[str, ColumnSummary] = {
            name: stats.count_values(whole[name]) for name, stats in reference.columns.items()
        }
        summary = cls(len(frame), columns, RowSample.of(whole, _keys(keys, len(frame)), reference.codes))
        if probabilities is not None:
            predicted = np.zeros(len(frame)) if predictions is None else predictions
            summary = replace(summary, answers=Answers.of(probabilities, predicted, reference.prediction))
        return summary if labels is None else replace(summary, label=_label(labels))

    def __add__(self, other: Summary) -> Summary:
        """Of both; raises ``ValueError`` where they were counted in the bins of different references."""
        return Summary(
            rows=self.rows + other.rows,
            columns={name: _add(column, other.columns[name]) for name, column in self.columns.items()},
            sample=self.sample + other.sample,
            answers=self.answers + other.answers if self.answers and other.answers else None,
            label=self.label + other.label if self.label and other.label else None,
        )


def _keys(keys: Keys | None, rows: int) -> Keys:
    return keys_of(0, rows) if keys is None else keys


def _label(labels: ArrayLike) -> CategorySummary:
    known = np.asarray(labels, dtype=np.float64)
    positives = int(np.sum(known == 1))
    return CategorySummary.of({"1": positives, "0": int(np.sum(known == 0))}, LABELS)


def _add(one: ColumnSummary, other: ColumnSummary) -> ColumnSummary:
    if isinstance(one, NumberSummary) and isinstance(other, NumberSummary):
        return one + other
    if isinstance(one, CategorySummary) and isinstance(other, CategorySummary):
        return one + other
    raise ValueError("summaries of different references do not add up")
