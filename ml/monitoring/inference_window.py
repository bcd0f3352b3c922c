"""What a version was asked and what it answered: a window of the inference log, summed up as it streams by.

No more than one chunk of rows is in memory, however large the window. What a version was asked as a shadow,
before its promotion, is left out: nobody was answered.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np
import pandas as pd

from ml.monitoring.feature_stats import FeatureStats
from ml.monitoring.row_sample import Keys
from ml.monitoring.summary import Summary
from ml.settings import Settings
from ml.store import connect

_CHUNK = 10_000
_OF_VERSION = (
    "SELECT input, probability, prediction, label, inference_id::text"
    " FROM ml.inference_logs LEFT JOIN (SELECT inference_id, label FROM ml.outcomes) AS outcomes USING (inference_id)"
    " WHERE use_case = %s AND model_name = %s AND model_version = %s AND role <> 'shadow'"
)

Row = tuple[Mapping[str, object], float, int, int | None, str]
"""Input, probability, prediction, outcome, inference id."""


@dataclass(frozen=True)
class ModelVersion:
    """Whose inferences are looked at."""

    use_case: str
    model_name: str
    version: str


def between(
    settings: Settings, of: ModelVersion, reference: FeatureStats, start: dt.datetime, end: dt.datetime
) -> Summary:
    """The inferences from ``start`` (included) to ``end`` (not included)."""
    statement = f"{_OF_VERSION} AND timestamp >= %s AND timestamp < %s"
    return _read(settings, reference, statement, (of.use_case, of.model_name, of.version, start, end))


def latest(settings: Settings, of: ModelVersion, reference: FeatureStats, last: int) -> Summary:
    """The newest inferences, at most ``last``."""
    statement = f"{_OF_VERSION} ORDER BY timestamp DESC, inference_id DESC LIMIT %s"
    return _read(settings, reference, statement, (of.use_case, of.model_name, of.version, last))


def summed_up(rows: Sequence[Row], reference: FeatureStats) -> Summary:
    """A chunk of any number of rows. A feature that an input does not name is null there."""
    inputs, probabilities, predictions, labels, ids = zip(*rows, strict=True) if rows else ((),) * 5
    frame = pd.DataFrame({name: [given.get(name) for given in inputs] for name in reference.columns}, dtype=object)
    return Summary.of(
        frame,
        reference,
        probabilities=probabilities,
        predictions=predictions,
        labels=np.array(labels, dtype=np.float64),
        keys=_keys(ids),
    )


def _keys(ids: Sequence[str]) -> Keys:
    """The last 48 bits of an inference id are random, and the same whenever it is read."""
    return np.array([int(inference_id[-12:], 16) for inference_id in ids], dtype=np.uint64)


def _read(settings: Settings, reference: FeatureStats, statement: str, values: tuple[object, ...]) -> Summary:
    parts = (summed_up(chunk, reference) for chunk in _chunks(settings, statement, values))
    return reduce(add, parts, summed_up([], reference))


def _chunks(settings: Settings, statement: str, values: tuple[object, ...]) -> Iterator[list[Row]]:
    # A named cursor stays on the server; an unnamed one would fetch the whole window at once.
    with connect(settings.database_url, application="drift") as connection, connection.cursor(name="window") as cursor:
        cursor.execute(statement, values)
        while chunk := cursor.fetchmany(_CHUNK):
            yield chunk
