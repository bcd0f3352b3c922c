"""Mean and standard deviation of numbers that arrive in parts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ml.monitoring.binning import Floats


@dataclass
class Moments:
    """Count, mean and sum of squared deviations of all finite values added so far.

    Parts are merged by the formula of Chan, Golub and LeVeque (1979), which does not lose digits where the
    mean is large beside the deviation. Nulls, which NaN and infinities are, are left out.
    """

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0

    def add(self, values: Floats) -> None:
        """Add a part."""
        finite = values[np.isfinite(values)]
        if not len(finite):
            return
        mean, total = float(finite.mean()), self.count + len(finite)
        delta = mean - self.mean
        self.squares += float(((finite - mean) ** 2).sum()) + delta**2 * self.count * len(finite) / total
        self.mean += delta * len(finite) / total
        self.count = total

    @property
    def std(self) -> float | None:
        """Standard deviation with n - 1; None for fewer than two values."""
        return float(np.sqrt(self.squares / (self.count - 1))) if self.count > 1 else None
