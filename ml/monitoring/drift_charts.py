"""Geometry of the pictures in a drift report; the template draws them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ml.monitoring.column_drift import ColumnDrift

_ROW = 26
_BARS_SHOWN = 16
_MAX_RATIO = 6.0
"""Longer bars of the ranking are cut here, so that one column far off does not flatten the others."""


@dataclass(frozen=True)
class RankBar:
    """A column in the ranking; ``width`` and ``limit_at`` are in percent of the drawing's width."""

    column: ColumnDrift
    y: int
    width: float
    cut: bool


@dataclass(frozen=True)
class Ranking:
    """All findings by their change in limits; the limit is one line for all."""

    bars: list[RankBar]
    limit_at: float
    height: int


@dataclass(frozen=True)
class Bar:
    """A bin; widths are in percent of the widest bar, shares of the rows. ``reference`` is None where there is none."""

    label: str
    y: int
    window: float
    window_width: float
    reference: float | None = None
    reference_width: float = 0


@dataclass(frozen=True)
class Histogram:
    """The bins of one column that hold rows, in their order; ``left_out`` counts those that changed least."""

    bars: list[Bar]
    height: int
    left_out: int = 0


def ranking(columns: Sequence[ColumnDrift]) -> Ranking:
    """Columns in the order given."""
    scale = min(max([1.25, *(c.first.ratio for c in columns)]), _MAX_RATIO)
    bars = [
        RankBar(c, y=i * _ROW, width=100 * min(c.first.ratio, scale) / scale, cut=c.first.ratio > scale)
        for i, c in enumerate(columns)
    ]
    return Ranking(bars, limit_at=100 / scale, height=len(bars) * _ROW)


def compared(column: ColumnDrift) -> Histogram:
    """Reference and window side by side."""
    n_reference, n_window = max(sum(column.reference), 1), max(sum(column.window), 1)
    pairs = [
        (b, r / n_reference, w / n_window) for b, r, w in zip(column.bins, column.reference, column.window, strict=True)
    ]
    occupied = [p for p in pairs if p[1] or p[2]]
    shown = sorted(occupied, key=lambda p: abs(p[1] - p[2]), reverse=True)[:_BARS_SHOWN]
    widest = max([1e-9, *(max(r, w) for _, r, w in shown)])
    bars = [
        Bar(label, i * _ROW, w, 100 * w / widest, reference=r, reference_width=100 * r / widest)
        for i, (label, r, w) in enumerate(p for p in occupied if p in shown)
    ]
    return Histogram(bars, height=len(bars) * _ROW, left_out=len(occupied) - len(bars))


def probabilities(counts: Sequence[int]) -> Histogram:
    """Answers per tenth of probability; ``counts`` has a last entry for nulls, which answers never are."""
    rows, tenths = max(sum(counts), 1), counts[:-1]
    widest = max([1, *tenths])
    bars = [Bar(f"{i * 10} to {(i + 1) * 10} %", i * _ROW, n / rows, 100 * n / widest) for i, n in enumerate(tenths)]
    return Histogram(bars, height=len(bars) * _ROW)


@dataclass(frozen=True)
class Trend:
    """A line through the windows of a column, in a drawing of 120 by 28; ``limit_y`` is the height of its limit."""

    points: str
    limit_y: float
    x: float
    y: float
    windows: int


def trend(ratios: Sequence[float | None]) -> Trend:
    """Of changes in limits, the newest last; None where a window has no figure, and is left out."""
    known = [(i, min(r, _MAX_RATIO)) for i, r in enumerate(ratios) if r is not None]
    scale = 24 / max([1.25, *(r for _, r in known)])
    step = 112 / max(len(ratios) - 1, 1)
    at = [(4 + step * i, 26 - scale * r) for i, r in known]
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in at)
    return Trend(points, limit_y=26 - scale, x=at[-1][0], y=at[-1][1], windows=len(known))
