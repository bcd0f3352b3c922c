"""`performance`: how labels judge the version in production."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ml.model_config.section import Section


class Performance(Section):
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
