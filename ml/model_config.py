"""How the model of a use case is trained, judged and watched: its ``model.yaml``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ml.errors import ContractError

Fraction = Annotated[float, Field(ge=0, le=1)]


class Metric(StrEnum):
    """What the champion is chosen by; larger is better for all of them."""

    ROC_AUC = "roc_auc"
    F1 = "f1"
    AVERAGE_PRECISION = "average_precision"


class EstimatorName(StrEnum):
    """The scikit-learn classifiers that train, export to ONNX and are checked against it."""

    LOGISTIC_REGRESSION = "LogisticRegression"
    RANDOM_FOREST = "RandomForestClassifier"
    HIST_GRADIENT_BOOSTING = "HistGradientBoostingClassifier"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Candidate(_Strict):
    """One estimator with its parameters, as scikit-learn names them."""

    estimator: EstimatorName
    params: dict[str, bool | int | float | str | None] = {}


class Split(_Strict):
    """A stratified random hold-out, drawn from rows in file order."""

    test_size: Annotated[float, Field(gt=0, lt=1)] = 0.2
    seed: int = 42


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


class Drift(_Strict):
    """What is compared with the training data, and how much change is too much.

    The usual reading of PSI: below 0.1 stable, 0.1 to 0.2 to be watched, above 0.2 shifted
    (Siddiqi, Credit Risk Scorecards, 2006).
    """

    window_days: Annotated[float, Field(gt=0)] = 7
    min_rows: Annotated[int, Field(ge=1)] = 200
    psi_limit: Annotated[float, Field(gt=0)] = 0.2
    psi_limits: dict[str, Annotated[float, Field(gt=0)]] = {}
    cooldown_days: Annotated[float, Field(ge=0)] = 7


class Schedules(_Strict):
    """Cron expressions in UTC; ``None`` means by hand only."""

    ingest: str | None = "0 2 * * *"
    train: str | None = "0 4 * * 1"
    drift: str | None = "0 6 * * *"


class ModelConfig(_Strict):
    """All that is configured of a use case's model. Read it with :func:`load_model_config`."""

    model_name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._ -]{0,120}$")]
    experiment: str
    owner: str = "ml-platform"
    metric: Metric = Metric.ROC_AUC
    late_features: tuple[str, ...] = ()
    candidates: Annotated[dict[str, Candidate], Field(min_length=1)]
    split: Split = Split()
    threshold: Fraction = 0.5
    profit: Profit | None = None
    gate: Gate = Gate()
    min_rows: Annotated[int, Field(ge=10)] = 500
    validation: Validation = Validation()
    drift: Drift = Drift()
    schedules: Schedules = Schedules()


def load_model_config(path: Path) -> ModelConfig:
    """Read and check a ``model.yaml``. Raises :class:`ContractError` saying where it is wrong."""
    try:
        return ModelConfig.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ContractError(str(path), str(error)) from error
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ContractError(str(path), problems) from error
