"""How the model of a use case is trained, judged and watched: its ``model.yaml``, composed of its sections."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import yaml
from pydantic import Field, ValidationError, model_validator

from ml.errors import ContractError
from ml.model_config.candidate import Candidate, Choices, EstimatorName, Range, Space
from ml.model_config.drift import Confirm, Drift
from ml.model_config.gate import Gate, GateMode
from ml.model_config.performance import Performance
from ml.model_config.replay import Replay
from ml.model_config.schedules import Schedules
from ml.model_config.section import Fraction, Scalar, Section
from ml.model_config.threshold import Profit, ThresholdRule
from ml.model_config.training import CalibrationMethod, FoldOrder, Metric, Split, SplitBy, Tuning
from ml.model_config.validation import Validation

__all__ = [
    "CalibrationMethod",
    "Candidate",
    "Choices",
    "Confirm",
    "Drift",
    "EstimatorName",
    "FoldOrder",
    "Gate",
    "GateMode",
    "Metric",
    "ModelConfig",
    "Performance",
    "Profit",
    "Range",
    "Replay",
    "Scalar",
    "Schedules",
    "Space",
    "Split",
    "SplitBy",
    "ThresholdRule",
    "Tuning",
    "Validation",
    "load_model_config",
]


class ModelConfig(Section):
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
