"""What each feature adds to a single prediction: Shapley values, by sampling orders of the features.

For whatever predicts, so that a calibrated blend is explained by the probabilities it really gives. SHAP's definition
(Lundberg and Lee, NeurIPS 2017) with a background sample for features that are left out, estimated by permutations,
each followed by its reverse, which halves the work for the same variance or better (Štrumbelj and Kononenko, 2014;
Mitchell et al., JMLR 2022). For a model without interactions the values are exact.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
Predict = Callable[[pd.DataFrame], Floats]

_AT_ONCE = 10
"""Rows whose features are switched in one call of the model."""


@dataclass(frozen=True)
class Explained:
    """For each row explained a value a feature; with ``base`` they sum to the row's prediction."""

    rows: pd.DataFrame
    values: pd.DataFrame
    base: float


def shapley_values(
    predict: Predict, rows: pd.DataFrame, background: pd.DataFrame, *, seed: int, seconds: float
) -> Explained:
    """Explain N rows against B rows of background with the same columns, at least one each.

    ``predict`` gives N figures for N rows. No new rows are begun after so many seconds, and at least the first ten
    are explained.
    """
    random, started = np.random.default_rng(seed), time.monotonic()
    found: list[Floats] = []
    for start in range(0, len(rows), _AT_ONCE):
        if found and time.monotonic() - started > seconds:
            break
        part = rows.iloc[start : start + _AT_ONCE]
        ranks = random.permuted(np.tile(np.arange(rows.shape[1]), (len(part), 1)), axis=1)
        both = [_along(predict, part, background, order) for order in (ranks, rows.shape[1] - 1 - ranks)]
        found.append(np.mean(both, axis=0))
    values = np.concatenate(found)
    explained = rows.iloc[: len(values)]
    base = float(predict(background).mean())
    return Explained(explained, pd.DataFrame(values, columns=rows.columns, index=explained.index), base)


def _along(predict: Predict, rows: pd.DataFrame, background: pd.DataFrame, ranks: npt.NDArray[np.int64]) -> Floats:
    """Values ``[N, M]`` along one order a row; ``ranks[n, m]`` is when feature m of row n takes the row's value."""
    n, m, b = len(rows), rows.shape[1], len(background)
    steps = np.arange(m + 1)
    columns = {
        name: np.where(
            (ranks[:, None, i] < steps)[:, :, None],
            rows[name].to_numpy()[:, None, None],
            background[name].to_numpy()[None, None, :],
        ).reshape(-1)
        for i, name in enumerate(rows.columns)
    }
    levels = predict(pd.DataFrame(columns)).reshape(n, m + 1, b).mean(axis=2)
    return np.take_along_axis(np.diff(levels, axis=1), ranks, axis=1)
