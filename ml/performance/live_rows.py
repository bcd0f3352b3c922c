"""What a version answered in a window, with the labels that have arrived."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from ml.contract import Column
from ml.evaluation.slices import slice_names
from ml.monitoring.inference_window import ModelVersion
from ml.performance.windows import CalendarWindow
from ml.promotion.resampling import Floats

LARGEST = 100_000
"""Rows of a window that are looked at, the newest: more would only narrow intervals that are narrow already."""


@dataclass(frozen=True)
class LiveRows:
    """N answers: probability, decision of 0 or 1, label of 0 or 1 or NaN, and the name of each row's slices."""

    probabilities: Floats
    positive: Floats
    labels: Floats
    slices: pd.DataFrame

    def __len__(self) -> int:
        return len(self.probabilities)

    def labelled(self) -> LiveRows:
        """The rows whose label is known."""
        return self.where(np.isfinite(self.labels))

    def where(self, rows: NDArray[np.bool_]) -> LiveRows:
        """Some of the rows."""
        return LiveRows(self.probabilities[rows], self.positive[rows], self.labels[rows], self.slices[rows])


def read(cursor: Cursor, of: ModelVersion, window: CalendarWindow, slices: Sequence[Column]) -> LiveRows:
    """The newest rows of the window; what was predicted in the shadow, and so answered nobody, is left out."""
    columns = [sql.SQL("i.input ->> {}").format(sql.Literal(column.name)) for column in slices]
    cursor.execute(
        sql.SQL(
            "SELECT {} FROM ml.inference_logs i LEFT JOIN ml.outcomes o USING (inference_id)"
            " WHERE i.use_case = %s AND i.model_name = %s AND i.model_version = %s AND i.role <> 'shadow'"
            " AND i.timestamp >= %s AND i.timestamp < %s ORDER BY i.timestamp DESC, i.inference_id LIMIT %s"
        ).format(sql.SQL(", ").join([sql.SQL("i.probability, i.prediction, o.label"), *columns])),
        (of.use_case, of.model_name, of.version, window.start, window.end, LARGEST),
    )
    names = [c.name for c in slices]
    frame = pd.DataFrame(cursor.fetchall(), columns=[0, 1, 2, *names], dtype=object)
    probabilities, positive, labels = frame[[0, 1, 2]].astype("float64").to_numpy().T
    values = frame[names].assign(**{c.name: pd.to_numeric(frame[c.name]) for c in slices if c.is_numeric})
    return LiveRows(probabilities, positive, labels, slice_names(values, slices))
