"""What a model was trained on, summed up: the reference that later data is compared with.

Stored as JSON in ``ml.training_data.feature_stats`` of each version; read back with :class:`FeatureStats`. The
versions of before have neither sketch nor answers, labels and sample: they are compared by what they have.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from pydantic import Field

from ml.contract import Column
from ml.monitoring.category_stats import CategoryStats, rows_by_value
from ml.monitoring.number_stats import NumberStats
from ml.monitoring.row_sample import FeatureCode, RowSample, as_numbers, keys_of
from ml.monitoring.stored import Stored

LABELS = ("0", "1")
"""Categories of the label: negative, positive."""


ColumnStats = NumberStats | CategoryStats


class SampleStats(Stored):
    """Rows of the training data, some drawn at random, as :class:`ml.monitoring.row_sample.RowSample` has them."""

    features: tuple[str, ...]
    rows: tuple[tuple[float | None, ...], ...]

    @cached_property
    def sample(self) -> RowSample:
        """To be computed with."""
        values = np.array(self.rows, dtype=np.float64).reshape(len(self.rows), len(self.features))
        return RowSample(keys_of(0, len(self.rows)), values)


class FeatureStats(Stored):
    """The statistics of each feature, by name, of the answers on rows held out, of the labels; a sample of rows."""

    format: Literal[1] = 1
    rows: int
    columns: dict[str, Annotated[ColumnStats, Field(discriminator="kind")]]
    prediction: NumberStats | None = None
    label: CategoryStats | None = None
    sample: SampleStats | None = None

    @classmethod
    def of(
        cls,
        frame: pd.DataFrame,
        features: Sequence[Column],
        *,
        probabilities: ArrayLike | None = None,
        labels: ArrayLike | None = None,
    ) -> FeatureStats:
        """Of a frame. Raises ``KeyError`` where a column is missing.

        Nulls are None, NaN and infinities in numbers, None, NaN and the empty text in categories. ``probabilities``:
        what the model answers on rows that it was not fitted on; ``labels``: 0 and 1 of the frame's rows.
        """
        columns = {f.name: _column(frame[f.name], f) for f in features}
        return cls(
            rows=len(frame),
            columns=columns,
            prediction=None if probabilities is None else NumberStats.of(np.asarray(probabilities, dtype=np.float64)),
            label=None
            if labels is None
            else CategoryStats.of(rows_by_value(np.asarray(labels, dtype=np.int64).tolist()), LABELS),
            sample=_sample(frame, features),
        )

    @cached_property
    def codes(self) -> tuple[FeatureCode, ...]:
        """How the features become numbers in a sample, in the order of the reference's own.

        That order is kept beside the rows: a database that stores JSON as ``jsonb`` does not keep that of the columns.
        """
        return tuple(map(self._code, self.sample.features if self.sample else self.columns))

    def _code(self, name: str) -> FeatureCode:
        stats = self.columns[name]
        return FeatureCode(name, None if isinstance(stats, NumberStats) else stats.categories)


def feature_stats(
    frame: pd.DataFrame,
    features: Sequence[Column],
    *,
    probabilities: ArrayLike | None = None,
    labels: ArrayLike | None = None,
) -> dict[str, Any]:
    """:meth:`FeatureStats.of`, as JSON."""
    return FeatureStats.of(frame, features, probabilities=probabilities, labels=labels).model_dump(mode="json")


def readable(stored: dict[str, Any]) -> dict[str, Any]:
    """Stored statistics without what only a computer reads: sketches, and the sample of rows."""
    columns = {name: {k: v for k, v in c.items() if k != "sketch"} for name, c in stored["columns"].items()}
    rest = {name: value for name, value in stored.items() if name != "sample"}
    if prediction := stored.get("prediction"):
        rest["prediction"] = {name: value for name, value in prediction.items() if name != "sketch"}
    return {**rest, "columns": columns}


def _column(values: pd.Series, column: Column) -> ColumnStats:
    if column.is_numeric:
        return NumberStats.of(as_numbers(values))
    return CategoryStats.of(rows_by_value(values), column.labels)


def _sample(frame: pd.DataFrame, features: Sequence[Column]) -> SampleStats:
    drawn = RowSample.of(frame, keys_of(0, len(frame)), [FeatureCode.of(f) for f in features])
    rows = tuple(tuple(None if np.isnan(cell) else cell for cell in row) for row in drawn.values.tolist())
    return SampleStats(features=tuple(f.name for f in features), rows=rows)
