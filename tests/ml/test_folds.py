"""How the training part is divided."""

import numpy as np
import pandas as pd
import pytest

from ml.errors import NotEnoughData
from ml.model_config import FoldOrder, Split, Tuning
from ml.training.folds import fold_order, make_folds
from ml.training.holdout import split_rows
from ml.training.recency import ages, recency_weights


def _labels(rows: int, share: float = 0.3) -> pd.Series:
    return pd.Series((np.random.default_rng(1).random(rows) < share).astype("int64"))


def _times(rows: int) -> pd.Series:
    days = np.random.default_rng(2).integers(0, 300, rows)
    return pd.Series(pd.Timestamp("2024-01-01") + pd.to_timedelta(days, unit="D"))


def test_no_fold_in_time_order_is_judged_by_a_model_of_later_rows() -> None:
    times = _times(500)
    folds = make_folds(_labels(500), times, Tuning(folds=4))
    assert len(folds) == 4
    for fold in folds:
        assert times.iloc[fold.train].max() <= times.iloc[fold.valid].min()
    judged = np.concatenate([fold.valid for fold in folds])
    assert len(judged) == len(set(judged)) == 400


def test_stratified_each_row_is_judged_once_and_all_folds_have_the_same_share_of_positives() -> None:
    labels = _labels(500)
    folds = make_folds(labels, _times(500), Tuning(folds=5, order=FoldOrder.STRATIFIED))
    assert sorted(np.concatenate([fold.valid for fold in folds])) == list(range(500))
    for fold in folds:
        assert not set(fold.train) & set(fold.valid)
        assert labels.iloc[fold.valid].sum() == pytest.approx(labels.sum() / 5, abs=1)


def test_the_order_is_that_of_time_where_there_are_event_times_unless_configured() -> None:
    assert fold_order(_times(9), Tuning()) is FoldOrder.TIME
    assert fold_order(None, Tuning()) is FoldOrder.STRATIFIED
    assert fold_order(_times(9), Tuning(order=FoldOrder.STRATIFIED)) is FoldOrder.STRATIFIED


def test_the_same_arguments_give_the_same_folds() -> None:
    labels = _labels(200)
    for order in FoldOrder:
        tuning = Tuning(order=order, seed=3)
        for one, other in zip(make_folds(labels, None, tuning), make_folds(labels, None, tuning), strict=True):
            assert (one.train == other.train).all()
            assert (one.valid == other.valid).all()


def test_a_fold_of_one_class_is_refused_with_the_count() -> None:
    late_positives = pd.Series([0] * 90 + [1] * 10)
    with pytest.raises(NotEnoughData, match=r"^10 of the 100 rows to train on are positive; so one of the 3 folds"):
        make_folds(late_positives, None, Tuning(order=FoldOrder.TIME))
    with pytest.raises(NotEnoughData, match=r"^2 of the 100 rows to train on are positive; .* of 3 folds needs"):
        make_folds(pd.Series([0] * 98 + [1] * 2), None, Tuning())


def test_a_hold_out_by_time_is_the_last_rows_and_as_many_as_of_a_random_one() -> None:
    times, labels = _times(501), _labels(501)
    train, test = split_rows(labels, times, Split(by="time"))
    assert times.iloc[train].max() <= times.iloc[test].min()
    assert len(test) == len(split_rows(labels, times, Split())[1]) == 101
    train, test = split_rows(labels, None, Split(by="time"))
    assert list(test) == list(range(400, 501))


def test_a_row_counts_half_as_much_for_each_half_life_of_newer_rows() -> None:
    frame = pd.DataFrame({"x": range(5)}, index=[3, 0, 4, 1, 2])
    assert list(ages(frame, None)) == [1, 4, 0, 3, 2]
    dates = pd.to_datetime(["2024-01-03", "2024-01-01", None, "2024-01-01", "2024-01-02"])
    assert list(ages(frame, pd.Series(dates))) == [1, 4, 0, 3, 2]
    weights = recency_weights(np.array([12, 2, 7]), 5)
    assert weights / weights[1] == pytest.approx([0.25, 1, 0.5])
    assert weights.mean() == pytest.approx(1)
    assert recency_weights(np.array([1, 2]), None) is None
