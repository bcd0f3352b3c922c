"""`metric`, `split`, `tuning`, `calibration`: how a candidate is fitted and chosen."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from ml.model_config.section import Section


class Metric(StrEnum):
    """What the champion is chosen by; larger is better for all of them."""

    ROC_AUC = "roc_auc"
    F1 = "f1"
    AVERAGE_PRECISION = "average_precision"


class SplitBy(StrEnum):
    """Which rows are held out."""

    RANDOM = "random"
    """A stratified draw."""
    TIME = "time"
    """The last by event time."""


class Split(Section):
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


class Tuning(Section):
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
