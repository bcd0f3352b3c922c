"""The figures of one window: realised of the labelled rows and of each slice, estimated of all rows."""

from __future__ import annotations

from collections.abc import Iterator

from ml.evaluation.slices import each_slice
from ml.performance.estimated import estimate
from ml.performance.live_rows import LiveRows
from ml.performance.realised import measure
from ml.performance.statistics import Figure
from ml.performance.store import Measured
from ml.promotion.resampling import ROUNDS

_SLICE_ROUNDS = 200
"""Intervals of slices are for looking at; nothing is decided by them."""


def figures_of(rows: LiveRows, min_rows: int) -> Iterator[Measured]:
    """All figures that the rows give; of slices of at least ``min_rows`` labelled rows. None for no rows."""
    known = rows.labelled()
    if len(known):
        yield Measured("realised", _realised(known), len(known), int(known.labels.sum()))
    for column, name, inside in each_slice(known.slices, min_rows):
        part = known.where(inside)
        figures = _realised(part, _SLICE_ROUNDS)
        yield Measured("realised", figures, len(part), int(part.labels.sum()), column, name)
    if len(rows):
        yield Measured("estimated", estimate(rows.probabilities, rows.positive), len(rows), None)


def _realised(rows: LiveRows, rounds: int = ROUNDS) -> dict[str, Figure]:
    return measure(rows.labels, rows.probabilities, rows.positive, rounds)
