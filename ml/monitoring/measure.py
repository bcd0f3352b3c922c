"""One statistic of one column, and whether it says drift."""

from __future__ import annotations

from dataclasses import dataclass

NAMES = {
    "psi": "PSI",
    "jensen_shannon": "Jensen-Shannon",
    "chi_square": "χ²",
    "ks": "KS",
    "wasserstein": "Wasserstein",
    "null_rate": "null rate",
    "new_categories": "new categories",
    "roc_auc": "ROC AUC",
}
"""Each statistic as a reader knows it."""
UNCHANGED = {"roc_auc": 0.5}
"""The value of a statistic without any drift, where that is not 0."""


@dataclass(frozen=True)
class Measure:
    """``limit`` is None for a statistic that is shown and not judged, ``p_value`` where there is none.

    ``adjusted`` is the p-value as if this had been the only test of the check
    (:func:`ml.monitoring.holm.holm`); None where it is not judged.
    """

    statistic: str
    value: float
    p_value: float | None = None
    limit: float | None = None
    adjusted: float | None = None
    drifted: bool = False

    @property
    def ratio(self) -> float:
        """The change in limits; 0 where it is not judged."""
        nothing = UNCHANGED.get(self.statistic, 0.0)
        return 0.0 if self.limit is None else max(self.value - nothing, 0) / (self.limit - nothing)

    def __str__(self) -> str:
        limit = "" if self.limit is None else f" (limit {self.limit:.3g})"
        return f"{NAMES[self.statistic]} {self.value:.3g}{limit}"
