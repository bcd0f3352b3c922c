"""What all sections of `model.yaml` have in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0, le=1)]
Scalar = bool | int | float | str | None


class Section(BaseModel):
    """Fields that are not known are refused; values are never changed."""

    model_config = ConfigDict(extra="forbid", frozen=True)
