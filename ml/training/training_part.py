"""The rows that candidates are tuned and fitted on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ml.contract import Column
from ml.model_config import ModelConfig
from ml.training.folds import Fold, make_folds
from ml.training.recency import ages
from ml.training.selection import score


@dataclass(frozen=True)
class TrainingPart:
    """N rows with the features' columns, their labels of 0 and 1, and their division for cross-validation.

    ``ages`` says of each row how many are newer. Build it with :func:`training_part`.
    """

    frame: pd.DataFrame
    labels: pd.Series
    features: Sequence[Column]
    config: ModelConfig
    folds: Sequence[Fold]
    ages: npt.NDArray[np.int64]

    def scores(self, out_of_fold: npt.NDArray[np.float64]) -> tuple[float, ...]:
        """The chosen metric in each fold, of the probabilities of N rows."""
        y = self.labels.to_numpy()
        return tuple(score(self.config.metric, y[f.valid], out_of_fold[f.valid]) for f in self.folds)


def training_part(
    frame: pd.DataFrame,
    labels: pd.Series,
    features: Sequence[Column],
    config: ModelConfig,
    times: pd.Series | None,
) -> TrainingPart:
    """The part, divided as ``config.tuning`` says; ``times`` are the rows' event times, None where there are none.

    Raises :class:`ml.errors.NotEnoughData` where a fold would have rows of one class only.
    """
    return TrainingPart(frame, labels, features, config, make_folds(labels, times, config.tuning), ages(frame, times))
