"""Round numbers for the axis of a chart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

_ROUNDING = 1e-9


@dataclass(frozen=True)
class Scale:
    """Maps ``first`` to ``last``, counted in ``step``, to ``bottom`` to ``top`` of a drawing, whose y grows down."""

    first: int
    last: int
    step: float
    top: float
    bottom: float

    def y(self, value: float) -> float:
        """Where a value lies; values beyond the ends are drawn at the ends."""
        share = (value / self.step - self.first) / (self.last - self.first)
        return round(self.bottom - min(max(share, 0), 1) * (self.bottom - self.top), 1)

    @property
    def ticks(self) -> list[float]:
        """The round values, the ends included."""
        return [round(n * self.step, 12) for n in range(self.first, self.last + 1)]


def scale(values: Sequence[float], *, top: float, bottom: float, from_zero: bool = False) -> Scale:
    """The ends are round and hold all values; a single value, or none, gets room around it.

    >>> scale([0.78, 0.83], top=0, bottom=100).ticks
    [0.78, 0.8, 0.82, 0.84]
    >>> scale([7], top=0, bottom=100, from_zero=True).ticks
    [0.0, 2.0, 4.0, 6.0, 8.0]
    """
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if from_zero:
        low = min(low, 0.0)
    if high - low < _ROUNDING:
        low, high = low - (0 if from_zero else 0.05), high + (1 if from_zero else 0.05)
    step = _round_step((high - low) / 4)
    return Scale(floor(low / step + _ROUNDING), ceil(high / step - _ROUNDING), step, top, bottom)


def decades(values: Sequence[float], *, top: float, bottom: float) -> Scale:
    """Of the logarithms of positive values: from one power of ten to another, a tick at each between.

    >>> decades([0.3, 2.5, 40], top=0, bottom=100).ticks
    [-1, 0, 1, 2]
    """
    powers = [log10(value) for value in values] or [0.0]
    low, high = floor(min(powers)), ceil(max(powers))
    return Scale(low, max(high, low + 1), 1, top, bottom)


def _round_step(width: float) -> float:
    """The smallest of 1, 2, 2.5, 5 and 10 times a power of ten that is not smaller."""
    power = 10.0 ** floor(log10(width))
    return next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= width * (1 - _ROUNDING))
