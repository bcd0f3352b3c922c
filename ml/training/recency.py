"""How much a row counts by its age, where what is learnt from old rows goes out of date."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd


def ages(frame: pd.DataFrame, times: pd.Series | None) -> npt.NDArray[np.int64]:
    """How many of N rows are newer than each, by event time; without event times by the index, the order of arrival.

    Rows of one moment have the order in which they stand; a null is later than all dates.
    """
    moments = frame.index.to_numpy() if times is None else pd.to_datetime(times).to_numpy()
    age = np.empty(len(frame), np.int64)
    age[np.argsort(moments, kind="stable")[::-1]] = np.arange(len(frame))
    return age


def recency_weights(age: npt.NDArray[np.int64], half_life: int | None) -> npt.NDArray[np.float64] | None:
    """Weights of N rows, of mean 1, that halve every ``half_life`` rows of age; None where all count alike."""
    if half_life is None:
        return None
    weights: npt.NDArray[np.float64] = np.exp2((age.min() - age) / half_life)
    weights /= weights.mean()
    return weights
