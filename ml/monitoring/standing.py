"""What a row of windows says together: one bad day is a suspicion, several confirm it."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from ml.model_config import Confirm


class Standing(StrEnum):
    """How sure drift is."""

    OK = "ok"
    SUSPECTED = "suspected"
    CONFIRMED = "confirmed"


def standing(history: Sequence[bool], confirm: Confirm) -> Standing:
    """The standing after windows of which each drifted or not, the newest last; windows that tell nothing left out.

    Drift in the newest is confirmed where at least ``violations`` of the last ``windows`` have it, else suspected. A
    newest window without drift, or no window at all, is ok.

    >>> standing([True, False, True], Confirm(violations=2, windows=3))
    <Standing.CONFIRMED: 'confirmed'>
    """
    if not (history and history[-1]):
        return Standing.OK
    return Standing.CONFIRMED if sum(history[-confirm.windows :]) >= confirm.violations else Standing.SUSPECTED
