"""The cells of the drift heat map: which shade, which words."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from itertools import groupby

from ml.overview.drift_map import Cell, DriftCheck, DriftMap

_SHADES = 5
"""Of what is within its limit: the darker, the nearer to it."""
_LABELS = {"ok": "no drift", "suspected": "drift suspected", "confirmed": "drift", "insufficient_data": "too few rows"}


@dataclass(frozen=True)
class HeatCell:
    """``css`` is the class of its shade, ``mark`` what is seen without colour, ``text`` what is read and shown."""

    css: str
    mark: str
    text: str


@dataclass(frozen=True)
class HeatMap:
    """A real table: ``months`` span the steps; ``row`` is of the checks, ``rows`` of the columns."""

    months: list[tuple[str, int]]
    steps: list[dt.datetime]
    checks: list[tuple[DriftCheck | None, HeatCell]]
    rows: list[tuple[str, list[HeatCell]]]


def heat_map(found: DriftMap) -> HeatMap:
    """The table of a map."""
    months = [(month, len(list(steps))) for month, steps in groupby(found.steps, key=lambda s: f"{s:%b %Y}")]
    return HeatMap(
        months,
        found.steps,
        [(check, _of_check(check)) for check in found.checks],
        [(name, [_of_column(cell) for cell in cells]) for name, cells in found.columns.items()],
    )


def _of_check(check: DriftCheck | None) -> HeatCell:
    if check is None:
        return HeatCell("none", "", "not checked")
    text = f"{_LABELS[check.label]}, {check.n_rows:,} rows, version {check.model_version}"
    return HeatCell(check.label, {"ok": "✓", "insufficient_data": "–"}.get(check.label, "▲"), text)


def _of_column(cell: Cell | None) -> HeatCell:
    if cell is None:
        return HeatCell("none", "", "not checked")
    text, drifted = str(cell.measure), cell.measure.drifted
    if drifted:
        return HeatCell("confirmed", "▲", f"{text}: drift")
    return HeatCell(f"h{min(int(cell.ratio * _SHADES), _SHADES - 1)}", "", text)
