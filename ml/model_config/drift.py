"""`drift`: how much change is too much."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from ml.model_config.section import Section


class Confirm(Section):
    """Drift is confirmed once so many of the last windows have it; until then it is suspected."""

    violations: Annotated[int, Field(ge=1)] = 1
    windows: Annotated[int, Field(ge=1)] = 1

    @model_validator(mode="after")
    def _consistent(self) -> Confirm:
        if self.violations > self.windows:
            raise ValueError(f"{self.violations} violations cannot be among the last {self.windows} windows")
        return self


class Drift(Section):
    """What is compared with the training data, and how much change is too much.

    A change counts where it is above its limit, and above what chance explains in so many rows and columns:
    ``false_alarm_rate`` is for all columns and statistics of a check together. The usual reading of PSI: below 0.1
    stable, 0.1 to 0.2 to be watched, above 0.2 shifted (Siddiqi, Credit Risk Scorecards, 2006). The other limits
    are as strict: normal values that move by 0.45 of their standard deviation have a PSI of 0.2, a Kolmogorov-Smirnov
    statistic of 0.18 and a Wasserstein distance of 0.45, and a perfect classifier tells them apart with a ROC AUC of
    0.62. A column in ``psi_limits`` has its own limit there and is not judged by the other two distances.
    """

    window_days: Annotated[float, Field(gt=0)] = 7
    min_rows: Annotated[int, Field(ge=1)] = 200
    psi_limit: Annotated[float, Field(gt=0)] = 0.2
    psi_limits: dict[str, Annotated[float, Field(gt=0)]] = Field(default={})
    ks_limit: Annotated[float, Field(gt=0)] = 0.2
    wasserstein_limit: Annotated[float, Field(gt=0)] = 0.5
    """In standard deviations of the training data."""
    null_rate_limit: Annotated[float, Field(gt=0)] = 0.05
    new_categories_limit: Annotated[float, Field(gt=0)] = 0.01
    """Share of the rows."""
    auc_limit: Annotated[float, Field(gt=0.5)] = 0.65
    """Of the classifier that tells rows of the window from training data."""
    false_alarm_rate: Annotated[float, Field(gt=0, lt=1)] = 0.01
    confirm: Confirm = Confirm()
    cooldown_days: Annotated[float, Field(ge=0)] = 7
