"""`threshold` and `profit`: from which probability on a row is of class 1."""

from __future__ import annotations

from enum import StrEnum

from ml.model_config.section import Section


class ThresholdRule(StrEnum):
    """What the threshold is chosen for."""

    F1 = "f1"
    PROFIT = "profit"


class Profit(Section):
    """What one decision of each kind earns, in a unit of the use case's own; losses are negative."""

    true_positive: float
    false_positive: float
    false_negative: float = 0
    true_negative: float = 0
