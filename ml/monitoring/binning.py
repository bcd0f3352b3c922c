"""Bins of a numeric column: tenths of the reference, and a bin of its own for each value that many rows hold."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

_TENTH = 0.1
"""Share of the rows in a bin; a value held by more rows than this is a point mass."""


def find_bins(values: Floats) -> tuple[Floats, Floats]:
    """Edges between bins and point masses of the values, each ascending; both empty for no values.

    Rows outside the point masses are cut into as many equal parts as they make tenths of all rows. An edge is
    an observed value and belongs to the bin below it, so that integers are never split between two bins.
    """
    unique, counts = np.unique(values, return_counts=True)
    points = unique[counts > _TENTH * len(values)]
    rest = values[~np.isin(values, points)]
    parts = round(len(rest) / (_TENTH * max(len(values), 1)))
    if parts < 2:
        return np.empty(0), points
    return np.unique(np.quantile(rest, np.arange(1, parts) / parts, method="inverted_cdf")), points


def cuts(edges: Floats, points: Floats) -> Floats:
    """All cuts: bin ``i`` is ``(cuts[i-1], cuts[i]]``, the first and the last are open-ended.

    A point mass lies between the number just below it and itself.
    """
    return np.unique(np.concatenate([edges, points, np.nextafter(points, -np.inf)]))


def count(values: Floats, cut: Floats) -> Counts:
    """Rows in each bin, shape ``[len(cut) + 2]``; the last entry counts nulls, which NaN and infinities are."""
    finite = values[np.isfinite(values)]
    bins = np.bincount(np.searchsorted(cut, finite, side="left"), minlength=len(cut) + 1)
    return np.append(bins, len(values) - len(finite)).astype(np.int64)


def labels(cut: Floats) -> list[str]:
    """Name of each bin as a reader knows it: ``≤ 3``, ``3 to 7``, ``= 0``, ``> 7``."""
    if not len(cut):
        return ["any number"]
    inner = [_label(low, high) for low, high in pairwise(cut)]
    first = "<" if len(cut) > 1 and _is_point(cut[0], cut[1]) else "≤"
    return [f"{first} {_short(cut[1] if first == '<' else cut[0])}", *inner, f"> {_short(cut[-1])}"]


def _label(low: float, high: float) -> str:
    return f"= {_short(high)}" if _is_point(low, high) else f"{_short(low)} to {_short(high)}"


def _short(value: float) -> str:
    return f"{value:.6g}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def _is_point(low: float, high: float) -> bool:
    return bool(np.nextafter(high, -np.inf) == low)
