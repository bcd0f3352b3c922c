"""Whether a column drifted: by more than the limit, and by more than chance explains."""

from __future__ import annotations

from dataclasses import dataclass

from ml.model_config import Drift
from ml.monitoring.feature_stats import NumberStats
from ml.monitoring.inference_window import Window
from ml.monitoring.psi import critical_value, psi

FALSE_ALARM_RATE = 0.01
"""At most this share of checks says drift where window and training data have one distribution."""
_FAMILY_LEVEL = FALSE_ALARM_RATE / 2  # the approximation by chi-square is off by up to twice where bins hold few rows


@dataclass(frozen=True)
class ColumnDrift:
    """One column compared. ``limit`` is what decides: the greater of the configured one and ``chance``.

    ``reference`` and ``window`` are rows per bin, named by ``bins``. Means and deviations are None for
    categories, and where there are too few values.
    """

    column: str
    kind: str
    value: float
    limit: float
    chance: float
    drifted: bool
    bins: list[str]
    reference: list[int]
    window: list[int]
    reference_mean: float | None
    reference_std: float | None
    window_mean: float | None
    window_std: float | None
    statistic: str = "psi"

    @property
    def ratio(self) -> float:
        """The value in limits; columns are ranked by it."""
        return self.value / self.limit

    def __str__(self) -> str:
        return f"{self.column} PSI {self.value:.3g} (limit {self.limit:.3g})"


def compare(window: Window, config: Drift) -> list[ColumnDrift]:
    """All columns of a window of at least one row with their reference, the most drifted first.

    A column drifts where its PSI is above the configured limit and above what one of as many columns exceeds by
    chance with the family-wise level (Bonferroni), so that small windows do not cry wolf.
    """
    level = _FAMILY_LEVEL / max(len(window.reference.columns), 1)
    columns = [_compare(window, name, config, level) for name in window.reference.columns]
    return sorted(columns, key=lambda c: (-c.ratio, c.column))


def _compare(window: Window, name: str, config: Drift, level: float) -> ColumnDrift:
    stats, counts, moments = window.reference.columns[name], window.counts[name], window.moments.get(name)
    value = float(psi(stats.histogram, counts))
    chance = float(critical_value(stats.histogram, counts, level))
    limit = max(config.psi_limits.get(name, config.psi_limit), chance)
    return ColumnDrift(
        column=name,
        kind=stats.kind,
        value=value,
        limit=limit,
        chance=chance,
        drifted=value > limit,
        bins=stats.bins,
        reference=stats.histogram.tolist(),
        window=counts.tolist(),
        reference_mean=stats.mean if isinstance(stats, NumberStats) else None,
        reference_std=stats.std if isinstance(stats, NumberStats) else None,
        window_mean=moments.mean if moments and moments.count else None,
        window_std=moments.std if moments else None,
    )
