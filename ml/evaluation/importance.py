"""How much each feature matters to a model: what is lost when its values are shuffled."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]


def permutation_importance(
    predict: Callable[[pd.DataFrame], Floats],
    score: Callable[[Floats], float],
    rows: pd.DataFrame,
    *,
    repeats: int,
    seed: int,
) -> pd.DataFrame:
    """Loss of the score by shuffling each column: mean and deviation over the repeats (Breiman, 2001).

    ``score`` is of N predictions for the N rows. Features that say the same share their importance: each alone may
    look useless. The most important one comes first.
    """
    random = np.random.default_rng(seed)
    losses = {}
    whole = score(predict(rows))
    for name in rows.columns:
        orders = [random.permutation(len(rows)) for _ in range(repeats)]
        shuffled = [rows.assign(**{str(name): rows[name].to_numpy()[order]}) for order in orders]
        scores = [score(part) for part in np.split(predict(pd.concat(shuffled)), repeats)]
        losses[str(name)] = (whole - float(np.mean(scores)), float(np.std(scores)))
    found = pd.DataFrame.from_dict(losses, orient="index", columns=["importance", "deviation"])
    return found.sort_values("importance", ascending=False).rename_axis("feature").reset_index()
