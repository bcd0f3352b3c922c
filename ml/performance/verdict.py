"""Whether the version in production became worse: by more than the limit, and by more than chance explains."""

from __future__ import annotations

from enum import StrEnum

from ml.performance.statistics import Figure


class State(StrEnum):
    """What the labels say."""

    OK = "ok"
    FELL = "fell"
    INSUFFICIENT_DATA = "insufficient_data"


def state(figure: Figure | None, reference: float, max_drop: float) -> State:
    """``figure`` is of the window, None where its rows are too few or of one class; larger is better.

    It fell where it lies more than ``max_drop`` below the reference and its whole interval below the reference.
    """
    if figure is None or figure.high is None:
        return State.INSUFFICIENT_DATA
    fell = figure.value < reference - max_drop and figure.high < reference
    return State.FELL if fell else State.OK
