"""Holds out the rows a training is judged by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.model_selection import train_test_split

from ml.contract import Column
from ml.errors import NotEnoughData
from ml.features import Snapshot, target
from ml.model_config import Split, SplitBy
from ml.use_case import UseCase


@dataclass(frozen=True)
class Holdout:
    """Rows to fit on and rows to judge by; labels are 0 and 1, indices those of the snapshot.

    ``train_times`` are the event times of the rows to fit on, None where the use case has none.
    """

    train: pd.DataFrame
    test: pd.DataFrame
    train_labels: pd.Series
    test_labels: pd.Series
    train_times: pd.Series | None = None


def hold_out(use_case: UseCase, snapshot: Snapshot, features: Sequence[Column]) -> Holdout:
    """Divide a snapshot as ``split`` in ``model.yaml`` says. Raises :class:`NotEnoughData` where that cannot be."""
    config, name, frame = use_case.config, use_case.contract.target.name, snapshot.frame
    if len(frame) < config.min_rows:
        raise NotEnoughData(
            f"{use_case.name} has {len(frame)} rows of features, training needs {config.min_rows}: ingest more data, "
            "or lower min_rows in model.yaml. No version was made."
        )
    labels = target(frame, use_case.contract)
    if labels.value_counts().min() < 2 or labels.nunique() < 2:
        raise NotEnoughData(
            f"{use_case.name}: {int(labels.sum())} of {len(labels)} rows have the positive value of {name!r}; training "
            "needs at least two rows of either class. No version was made."
        )
    try:
        train, test = split_rows(labels, snapshot.times, config.split)
    except ValueError as error:  # a part would have fewer rows than there are classes
        raise NotEnoughData(f"{use_case.name}: {error} No version was made.") from error
    if labels.iloc[train].nunique() < 2 or labels.iloc[test].nunique() < 2:
        raise NotEnoughData(
            f"{use_case.name}: {labels.sum()} of {len(labels)} rows have the positive value of {name!r}; so only one "
            f"class is among those to train on or the {len(test)} held out: ingest more data, or change `split` "
            "in model.yaml. No version was made."
        )
    inputs = frame[[f.name for f in features]]
    times = None if snapshot.times is None else snapshot.times.iloc[train]
    return Holdout(inputs.iloc[train], inputs.iloc[test], labels.iloc[train], labels.iloc[test], times)


def split_rows(
    labels: pd.Series, times: pd.Series | None, split: Split
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Positions of the rows to train on, and of those held out: a stratified draw, or the last in time.

    Without event times the order of the rows is that of time; a null is later than all dates. Raises
    ``ValueError`` where a draw cannot be stratified.
    """
    rows = np.arange(len(labels))
    if split.by is SplitBy.RANDOM:
        train, test = train_test_split(rows, test_size=split.test_size, random_state=split.seed, stratify=labels)
        return train, test
    in_order = rows if times is None else np.argsort(pd.to_datetime(times).to_numpy(), kind="stable")
    held_out = math.ceil(len(rows) * split.test_size)  # rounded as scikit-learn does
    return in_order[:-held_out], in_order[-held_out:]
