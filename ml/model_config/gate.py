"""`gate`: what a new version must show."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from ml.model_config.section import Section


class GateMode(StrEnum):
    """What follows from the verdict on a new version."""

    MANUAL = "manual"
    """A person decides about the promotion, and sees the verdict."""
    AUTO = "auto"
    """What passes is promoted at once."""
    DRY_RUN = "dry_run"
    """Nothing follows; the verdict is kept."""


class Gate(Section):
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
