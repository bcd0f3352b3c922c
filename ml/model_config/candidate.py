"""`candidates`: the estimators, their parameters, and where better ones are looked for."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Discriminator, Field, Tag, model_validator

from ml.model_config.section import Scalar, Section


class EstimatorName(StrEnum):
    """The classifiers that train, export to ONNX and are checked against it; ``Blend`` is a mean of other candidates.

    The others are scikit-learn's, and LightGBM's of the same interface.
    """

    LOGISTIC_REGRESSION = "LogisticRegression"
    RANDOM_FOREST = "RandomForestClassifier"
    EXTRA_TREES = "ExtraTreesClassifier"
    HIST_GRADIENT_BOOSTING = "HistGradientBoostingClassifier"
    LIGHTGBM = "LGBMClassifier"
    BLEND = "Blend"


class Range(Section):
    """Whole numbers from ``low`` to ``high``, both included, where both are whole; real numbers else."""

    low: int | float
    high: int | float
    log: bool = False
    """Whether orders of magnitude are searched evenly."""

    @model_validator(mode="after")
    def _consistent(self) -> Range:
        if not self.low < self.high:
            raise ValueError(f"low {self.low:g} is not below high {self.high:g}")
        if self.log and self.low <= 0:
            raise ValueError(f"log needs a low above 0, not {self.low:g}")
        return self


class Choices(Section):
    """One of a list."""

    choices: Annotated[tuple[Scalar, ...], Field(min_length=2)]


def _kind(space: object) -> str:
    return "choices" if isinstance(space, Choices) or (isinstance(space, dict) and "choices" in space) else "range"


Space = Annotated[
    Annotated[Range, Tag("range")] | Annotated[Choices, Tag("choices")],
    Discriminator(_kind),
]
"""Where a parameter is searched."""


class Candidate(Section):
    """One estimator with its parameters, as its library names them; those in ``search`` are tuned.

    What ``params`` says of a parameter that is searched is the first value tried. ``without`` are features this
    candidate does without. ``half_life`` is for the recency of rows, in rows: one so far before the last counts
    half as much in the fit. ``day_of_year`` names a column of months and one of days, from which trees get the day
    of the year as well. ``of`` are the candidates a blend is made of.
    """

    estimator: EstimatorName
    params: dict[str, Scalar] = Field(default={})
    search: dict[str, Space] = Field(default={})
    without: tuple[str, ...] = ()
    half_life: Annotated[int, Field(ge=1)] | None = None
    day_of_year: tuple[str, str] | None = None
    of: tuple[str, ...] = ()

    @property
    def is_blend(self) -> bool:
        """Whether it is made of other candidates instead of being fitted itself."""
        return self.estimator is EstimatorName.BLEND

    @model_validator(mode="after")
    def _consistent(self) -> Candidate:
        if self.is_blend != bool(self.of):
            raise ValueError("`of` names the candidates of a Blend, and only a Blend has it")
        if self.day_of_year and self.estimator is EstimatorName.LOGISTIC_REGRESSION:
            raise ValueError("day_of_year is for trees; to a linear model it says nothing that month and day do not")
        if self.is_blend and self.model_fields_set - {"estimator", "of"}:
            raise ValueError("a Blend has nothing but `of`; the candidates it is made of have the rest")
        return self
