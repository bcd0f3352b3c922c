"""How the model of a use case is trained, judged and watched: its ``model.yaml``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError, model_validator

from ml.errors import ContractError

Fraction = Annotated[float, Field(ge=0, le=1)]
Scalar = bool | int | float | str | None


class Metric(StrEnum):
    """What the champion is chosen by; larger is better for all of them."""

    ROC_AUC = "roc_auc"
    F1 = "f1"
    AVERAGE_PRECISION = "average_precision"


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


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Range(_Strict):
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


class Choices(_Strict):
    """One of a list."""

    choices: Annotated[tuple[Scalar, ...], Field(min_length=2)]


def _kind(space: object) -> str:
    return "choices" if isinstance(space, Choices) or (isinstance(space, dict) and "choices" in space) else "range"


Space = Annotated[
    Annotated[Range, Tag("range")] | Annotated[Choices, Tag("choices")],
    Discriminator(_kind),
]
"""Where a parameter is searched."""


class Candidate(_Strict):
    """One estimator with its parameters, as its library names them; those in ``search`` are tuned.

    What ``params`` says of a parameter that is searched is the first value tried. ``without`` are features this
    candidate does without. ``half_life`` is for the recency of rows, in rows: one so far before the last counts
    half as much in the fit. ``day_of_year`` names a column of months and one of days, from which trees get the day
    of the year as well. ``of`` are the candidates a blend is made of.
    """

    estimator: EstimatorName
    params: dict[str, Scalar] = {}
    search: dict[str, Space] = {}
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


class SplitBy(StrEnum):
    """Which rows are held out."""

    RANDOM = "random"
    """A stratified draw."""
    TIME = "time"
    """The last by event time."""


class Split(_Strict):
    """The hold-out: rows that nothing is fitted, tuned or chosen on."""

    by: SplitBy = SplitBy.RANDOM
    test_size: Annotated[float, Field(gt=0, lt=1)] = 0.2
    seed: int = 42


class FoldOrder(StrEnum):
    """How the training part is divided for cross-validation."""

    TIME = "time"
    """Each fold is judged by a model of the rows before it."""
    STRATIFIED = "stratified"
    """Each fold is judged by a model of all others; all have the same share of positives."""


class Tuning(_Strict):
    """How long better parameters are looked for, and how they are judged.

    ``trials`` is for each candidate, with 0 the parameters are as given; ``seconds`` is for all candidates
    together. ``order`` is by default that of time where the contract has an event time.
    """

    trials: Annotated[int, Field(ge=0)] = 0
    seconds: Annotated[float, Field(gt=0)] = 60
    folds: Annotated[int, Field(ge=2)] = 3
    order: FoldOrder | None = None
    seed: int = 42


class CalibrationMethod(StrEnum):
    """How probabilities are brought in line with frequencies; see :mod:`ml.training.calibration`."""

    NONE = "none"
    SIGMOID = "sigmoid"
    ISOTONIC = "isotonic"


class ThresholdRule(StrEnum):
    """What the threshold is chosen for."""

    F1 = "f1"
    PROFIT = "profit"


class Profit(_Strict):
    """What one decision of each kind earns, in a unit of the use case's own; losses are negative."""

    true_positive: float
    false_positive: float
    false_negative: float = 0
    true_negative: float = 0


class GateMode(StrEnum):
    """What follows from the verdict on a new version."""

    MANUAL = "manual"
    """A person decides about the promotion, and sees the verdict."""
    AUTO = "auto"
    """What passes is promoted at once."""
    DRY_RUN = "dry_run"
    """Nothing follows; the verdict is kept."""


class Gate(_Strict):
    """What a new version must show before it may follow the one in production; see :mod:`ml.promotion.gate`.

    ``max_loss`` and ``max_slice_loss`` are of the metric the champion is chosen by; ``slices`` are columns of the
    contract, by default all its categories. Without a version in production the metric must reach ``floor``, by
    default what a model without skill has.
    """

    mode: GateMode = GateMode.MANUAL
    max_loss: Annotated[float, Field(ge=0)] = 0.01
    max_slice_loss: Annotated[float, Field(ge=0)] = 0.05
    slices: tuple[str, ...] | None = None
    min_rows: Annotated[int, Field(ge=1)] = 200
    max_ece: Annotated[float, Field(gt=0)] = 0.05
    max_latency_ms: Annotated[float, Field(gt=0)] = 20
    max_artifact_mb: Annotated[float, Field(gt=0)] = 200
    floor: float | None = None


class Validation(_Strict):
    """When a file as a whole is refused."""

    max_bad_fraction: Fraction = 0.05


class Confirm(_Strict):
    """Drift is confirmed once so many of the last windows have it; until then it is suspected."""

    violations: Annotated[int, Field(ge=1)] = 1
    windows: Annotated[int, Field(ge=1)] = 1

    @model_validator(mode="after")
    def _consistent(self) -> Confirm:
        if self.violations > self.windows:
            raise ValueError(f"{self.violations} violations cannot be among the last {self.windows} windows")
        return self


class Drift(_Strict):
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
    psi_limits: dict[str, Annotated[float, Field(gt=0)]] = {}
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


class Performance(_Strict):
    """How the version in production is judged by the labels that arrive; see :mod:`ml.performance`.

    ``max_drop`` is of the metric the champion is chosen by, against the version's own figure on its hold-out. A
    window is judged ``label_delay_days`` after its end: earlier, the labels that are there may be those that come
    fast. Slices are columns of the contract, by default all its categories; of fewer than ``min_rows`` labelled
    rows nothing is said.
    """

    window: Literal["day", "month"] = "month"
    min_rows: Annotated[int, Field(ge=1)] = 200
    max_drop: Annotated[float, Field(gt=0, lt=1)] = 0.05
    label_delay_days: Annotated[float, Field(ge=0)] = 30
    slices: tuple[str, ...] | None = None


class Replay(_Strict):
    """How the years of a file are replayed, in windows of a month; see :mod:`ml.replay`.

    The first ``first_windows`` train the first model. ``candidate`` is fitted as configured, by default the first of
    ``candidates``. What a month asks for instead of a day: ``confirm``; ``cooldown_days``, by default until the
    labels of the first month that a new model answers have arrived; ``max_loss`` of the gate, whose hold-out is one
    month of often a few hundred rows, by default the fall that live performance may have, ``performance.max_drop``.
    """

    first_windows: Annotated[int, Field(ge=2)] = 3
    candidate: str | None = None
    confirm: Confirm = Confirm(violations=2, windows=3)
    cooldown_days: Annotated[float, Field(ge=0)] = 60
    max_loss: Annotated[float, Field(ge=0)] | None = None


class Schedules(_Strict):
    """Cron expressions in UTC; ``None`` means by hand only."""

    ingest: str | None = "0 2 * * *"
    train: str | None = "0 4 * * 1"
    drift: str | None = "0 6 * * *"
    outcomes: str | None = "0 5 * * *"


class ModelConfig(_Strict):
    """All that is configured of a use case's model. Read it with :func:`load_model_config`."""

    model_name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._ -]{0,120}$")]
    experiment: str
    owner: str = "ml-platform"
    metric: Metric = Metric.ROC_AUC
    late_features: tuple[str, ...] = ()
    candidates: Annotated[dict[str, Candidate], Field(min_length=1)]
    split: Split = Split()
    tuning: Tuning = Tuning()
    calibration: CalibrationMethod = CalibrationMethod.NONE
    threshold: Fraction | ThresholdRule = 0.5
    profit: Profit | None = None
    gate: Gate = Gate()
    min_rows: Annotated[int, Field(ge=10)] = 500
    validation: Validation = Validation()
    drift: Drift = Drift()
    performance: Performance = Performance()
    replay: Replay = Replay()
    schedules: Schedules = Schedules()

    @model_validator(mode="after")
    def _consistent(self) -> ModelConfig:
        fitted = {name for name, candidate in self.candidates.items() if not candidate.is_blend}
        for name, candidate in self.candidates.items():
            if unknown := sorted(set(candidate.of) - fitted):
                raise ValueError(f"candidates.{name}.of: no candidate to blend is named {', '.join(unknown)}")
        if self.threshold is ThresholdRule.PROFIT and self.profit is None:
            raise ValueError("threshold: profit needs `profit`, what a decision of each kind earns")
        return self


def load_model_config(path: Path) -> ModelConfig:
    """Read and check a ``model.yaml``. Raises :class:`ContractError` saying where it is wrong."""
    try:
        return ModelConfig.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ContractError(str(path), str(error)) from error
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ContractError(str(path), problems) from error
