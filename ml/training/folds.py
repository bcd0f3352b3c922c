"""Divides the training part for cross-validation: in time order, or stratified."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.model_selection import StratifiedKFold, TimeSeriesSplit

from ml.errors import NotEnoughData
from ml.model_config import FoldOrder, Tuning

Positions = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Fold:
    """Positions of the rows to fit on, and of those to judge by."""

    train: Positions
    valid: Positions


def make_folds(labels: pd.Series, times: pd.Series | None, tuning: Tuning) -> list[Fold]:
    """The folds of N labels of 0 and 1; the same arguments give the same folds.

    Stratified, each row is judged in one fold, by a model of all others. In time order, by the N event times (None:
    there are none), the rows are cut into ``folds + 1`` equal blocks, and each but the first is judged by a model
    of those before it; a null is later than all dates. Raises :class:`NotEnoughData` where a part has one class.
    """
    if fold_order(times, tuning) is FoldOrder.TIME:
        folds = _in_time_order(_sortable(times, len(labels)), tuning.folds)
    else:
        folds = _stratified(labels, tuning)
    for fold in folds:
        if labels.iloc[fold.train].nunique() < 2 or labels.iloc[fold.valid].nunique() < 2:
            raise NotEnoughData(
                f"{int(labels.sum())} of the {len(labels)} rows to train on are positive; so one of the {tuning.folds} "
                "folds of the cross-validation has rows of one class only: ingest more data, or change `tuning.folds` "
                "or `tuning.order` in model.yaml. No version was made."
            )
    return folds


def fold_order(times: pd.Series | None, tuning: Tuning) -> FoldOrder:
    """As configured, else that of time where the rows have event times."""
    return tuning.order or (FoldOrder.STRATIFIED if times is None else FoldOrder.TIME)


def _sortable(times: pd.Series | None, rows: int) -> npt.NDArray[np.generic]:
    """Without event times the order of the rows is that of time."""
    return np.arange(rows) if times is None else pd.to_datetime(times).to_numpy()


def _in_time_order(times: npt.NDArray[np.generic], folds: int) -> list[Fold]:
    in_order = np.argsort(times, kind="stable")
    return [Fold(in_order[train], in_order[valid]) for train, valid in TimeSeriesSplit(folds).split(in_order)]


def _stratified(labels: pd.Series, tuning: Tuning) -> list[Fold]:
    if labels.value_counts().min() < tuning.folds:
        raise NotEnoughData(
            f"{int(labels.sum())} of the {len(labels)} rows to train on are positive; a cross-validation of "
            f"{tuning.folds} folds needs as many rows of either class. No version was made."
        )
    splitter = StratifiedKFold(tuning.folds, shuffle=True, random_state=tuning.seed)
    return [Fold(train, valid) for train, valid in splitter.split(labels, labels)]
