"""Mean and standard deviation of numbers that arrive in parts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ml.monitoring.binning import Floats


@dataclass(frozen=True)
class Moments:
    """Count, mean and sum of squared deviations of finite values; those of two parts add up to those of both.

    Parts are merged by the formula of Chan, Golub and LeVeque (1979), which does not lose digits where the
    mean is large beside the deviation.
    """

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0

    @classmethod
    def of(cls, values: Floats) -> Moments:
        """Of a part, without nulls: neither NaN nor infinities."""
        if not len(values):
            return cls()
        mean = float(values.mean())
        return cls(len(values), mean, float(np.square(values - mean).sum()))

    def __add__(self, other: Moments) -> Moments:
        count = self.count + other.count
        if not count:
            return self
        delta, share = other.mean - self.mean, other.count / count
        squares = self.squares + other.squares + delta**2 * self.count * share
        return Moments(count, self.mean + delta * share, squares)

    @property
    def std(self) -> float | None:
        """Standard deviation with n - 1; None for fewer than two values."""
        return float(np.sqrt(self.squares / (self.count - 1))) if self.count > 1 else None
