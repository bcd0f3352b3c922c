"""What is stored as JSON beside a model: never changed in place, and nothing in it that is not known."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Stored(BaseModel):
    """Base of the statistics of a reference."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, serialize_by_alias=True)
