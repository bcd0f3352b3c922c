"""What a version was asked and what it answered: a window of the inference log, counted as it streams by.

No more than one chunk of rows is in memory, however large the window. What a version was asked as a shadow,
before its promotion, is left out: nobody was answered.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ml.monitoring import binning
from ml.monitoring.binning import Counts
from ml.monitoring.feature_stats import FeatureStats, NumberStats, as_numbers
from ml.monitoring.moments import Moments
from ml.settings import Settings
from ml.store import connect

_CHUNK = 5_000
_OF_VERSION = (
    "SELECT input, probability, prediction FROM ml.inference_logs"
    " WHERE use_case = %s AND model_name = %s AND model_version = %s AND role <> 'shadow'"
)
PROBABILITY_CUTS = np.arange(1, 10) / 10

Row = tuple[Mapping[str, object], float, int]


@dataclass(frozen=True)
class ModelVersion:
    """Whose inferences are looked at."""

    use_case: str
    model_name: str
    version: str


@dataclass
class Window:
    """Rows per bin of the reference for each feature, moments of numbers, and the answers."""

    reference: FeatureStats
    rows: int = 0
    counts: dict[str, Counts] = field(init=False)
    moments: dict[str, Moments] = field(init=False)
    probability: Moments = field(default_factory=Moments)
    probability_counts: Counts = field(default_factory=lambda: np.zeros(len(PROBABILITY_CUTS) + 2, dtype=np.int64))
    positives: int = 0

    def __post_init__(self) -> None:
        columns = self.reference.columns
        self.counts = {name: np.zeros_like(stats.histogram) for name, stats in columns.items()}
        self.moments = {name: Moments() for name, stats in columns.items() if isinstance(stats, NumberStats)}

    def add(self, rows: Sequence[Row]) -> None:
        """Count a chunk. A feature that an input does not name is null there."""
        inputs, probabilities, predictions = zip(*rows, strict=True)
        self.rows += len(rows)
        for name, stats in self.reference.columns.items():
            values = [given.get(name) for given in inputs]
            if isinstance(stats, NumberStats):
                numbers = as_numbers(values)
                self.moments[name].add(numbers)
                self.counts[name] += stats.count_numbers(numbers)
            else:
                self.counts[name] += stats.count_values(values)
        answers = np.array(probabilities, dtype=np.float64)
        self.probability.add(answers)
        self.probability_counts += binning.count(answers, PROBABILITY_CUTS)
        self.positives += sum(predictions)


def between(
    settings: Settings, of: ModelVersion, reference: FeatureStats, start: dt.datetime, end: dt.datetime
) -> Window:
    """The inferences from ``start`` (included) to ``end`` (not included)."""
    statement = f"{_OF_VERSION} AND timestamp >= %s AND timestamp < %s"
    return _read(settings, reference, statement, (of.use_case, of.model_name, of.version, start, end))


def latest(settings: Settings, of: ModelVersion, reference: FeatureStats, last: int) -> Window:
    """The newest inferences, at most ``last``."""
    statement = f"{_OF_VERSION} ORDER BY timestamp DESC, inference_id DESC LIMIT %s"
    return _read(settings, reference, statement, (of.use_case, of.model_name, of.version, last))


def _read(settings: Settings, reference: FeatureStats, statement: str, values: tuple[object, ...]) -> Window:
    window = Window(reference)
    for chunk in _chunks(settings, statement, values):
        window.add(chunk)
    return window


def _chunks(settings: Settings, statement: str, values: tuple[object, ...]) -> Iterator[list[Any]]:
    # A named cursor stays on the server; an unnamed one would fetch the whole window at once.
    with connect(settings.database_url, application="drift") as connection, connection.cursor(name="window") as cursor:
        cursor.execute(statement, values)
        while chunk := cursor.fetchmany(_CHUNK):
            yield chunk
