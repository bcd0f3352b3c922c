"""`replay`: how the months of a file are replayed."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ml.model_config.drift import Confirm
from ml.model_config.section import Section


class Replay(Section):
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
