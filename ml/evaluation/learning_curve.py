"""Whether more rows would make the model better."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

SHARES = (0.1, 0.25, 0.5)


def learning_curve(
    score_of: Callable[[pd.DataFrame, pd.Series], float],
    frame: pd.DataFrame,
    labels: pd.Series,
    whole: float,
    *,
    seed: int,
    seconds: float,
    shares: Sequence[float] = SHARES,
) -> pd.DataFrame:
    """Rows and score, of models fitted on growing shares of N rows; the last is ``whole``, of all of them.

    ``score_of`` fits on the rows it is given and scores on others. The share is of each class. A share that, going
    by the one before, would not be done within the seconds is left out.
    """
    order = np.random.default_rng(seed).permutation(len(frame))
    place = labels.iloc[order].groupby(labels.iloc[order]).cumcount() / labels.map(labels.value_counts())
    points, ends, pace = [], time.monotonic() + seconds, 0.0
    for share in shares:
        taken = labels.index[(place.loc[labels.index] < share).to_numpy()]
        if labels[taken].nunique() < 2 or time.monotonic() + pace * len(taken) > ends:
            continue
        started = time.monotonic()
        points.append((len(taken), score_of(frame.loc[taken], labels[taken])))
        pace = (time.monotonic() - started) / len(taken)
    return pd.DataFrame([*points, (len(frame), whole)], columns=["rows", "score"])
