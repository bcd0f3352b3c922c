"""Metrics against scikit-learn, and against examples worked by hand."""

import numpy as np
import pytest
from sklearn import metrics

from ml.evaluation.calibration_error import by_chance, expected_calibration_error
from ml.evaluation.gains import cumulative_gains, gain_at
from ml.evaluation.profit import profit_by_threshold, total_profit
from ml.model_config import Profit
from ml.training.evaluate import evaluate

PROFIT = Profit(true_positive=8, false_positive=-1, false_negative=-2, true_negative=0.5)


def drawn(n=2000, seed=0):
    random = np.random.default_rng(seed)
    probabilities = random.beta(1, 4, size=n)
    return (random.random(n) < probabilities).astype("int64"), probabilities


def test_metrics_are_those_of_scikit_learn():
    labels, probabilities = drawn()
    decided = probabilities >= 0.3
    found = evaluate(labels, probabilities, 0.3)
    assert found["roc_auc"] == metrics.roc_auc_score(labels, probabilities)
    assert found["average_precision"] == metrics.average_precision_score(labels, probabilities)
    assert found["brier"] == metrics.brier_score_loss(labels, probabilities)
    assert found["log_loss"] == metrics.log_loss(labels, probabilities)
    assert found["f1"] == metrics.f1_score(labels, decided)
    assert found["precision"] == metrics.precision_score(labels, decided)
    assert found["recall"] == metrics.recall_score(labels, decided)
    assert found["accuracy"] == metrics.accuracy_score(labels, decided)
    assert "profit" not in found


def test_the_calibration_error_of_four_rows_worked_by_hand():
    # Bin 0.1–0.2: probabilities .15 and .18, one of two happens: gap |.165 - .5| = .335, two of four rows.
    # Bin 0.8–0.9: .85, happens: gap .15. Bin 0.9–1: 1, does not happen: gap 1.
    error = expected_calibration_error(np.array([0, 1, 1, 0]), np.array([0.15, 0.18, 0.85, 1.0]))
    assert error == pytest.approx(0.335 * 2 / 4 + 0.15 / 4 + 1 / 4, abs=1e-12)


def test_the_calibration_error_is_that_of_its_definition_bin_by_bin():
    labels, probabilities = drawn()
    expected = 0.0
    for b in range(10):
        held = (probabilities >= b / 10) & (probabilities < (b + 1) / 10)
        if held.any():
            expected += held.mean() * abs(labels[held].mean() - probabilities[held].mean())
    assert expected_calibration_error(labels, probabilities) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("labels", "error"), [([0, 1], 0.0), ([1, 0], 1.0)])
def test_certainty_is_perfect_when_right_and_the_worst_when_wrong(labels, error):
    assert expected_calibration_error(np.array(labels), np.array([0.0, 1.0])) == error


@pytest.mark.parametrize("n", [60, 300, 3000])
def test_a_calibrated_model_stays_below_the_level_of_chance_as_often_as_is_said(n):
    errors, levels = [], []
    for seed in range(400):
        labels, probabilities = drawn(n, seed)
        errors.append(expected_calibration_error(labels, probabilities))
        levels.append(by_chance(probabilities))
    assert 0.92 <= np.mean(np.array(errors) <= np.array(levels)) <= 0.98


def test_a_model_that_says_twice_what_happens_is_above_the_level_of_chance():
    labels, probabilities = drawn()
    twice = np.minimum(2 * probabilities, 1)
    assert expected_calibration_error(labels, twice) > by_chance(twice)


def test_gain_and_lift_of_ten_rows_worked_by_hand():
    scores = np.arange(10, 0, -1) / 10
    labels = np.array([1, 1, 0, 0, 0, 1, 0, 0, 0, 0])
    assert gain_at(labels, scores, 0.1) == pytest.approx(1 / 3)
    assert gain_at(labels, scores, 0.2) == pytest.approx(2 / 3)
    assert gain_at(labels, scores, 0.6) == 1
    assert evaluate(labels, scores, 0.5)["lift_at_10"] == pytest.approx(10 / 3)


def test_rows_of_one_score_are_worth_what_a_random_order_of_them_is():
    labels = np.array([1, 0, 0, 1, 0, 0, 0, 0, 0, 0])
    assert gain_at(labels, np.full(10, 0.5), 0.1) == pytest.approx(0.1)
    assert evaluate(labels, np.full(10, 0.5), 0.5)["lift_at_10"] == pytest.approx(1)
    taken, found = cumulative_gains(labels, np.full(10, 0.5))
    assert (taken.tolist(), found.tolist()) == ([0, 1], [0, 1])


def test_the_order_of_the_rows_changes_no_gain():
    labels, probabilities = drawn()
    rounded = probabilities.round(1)
    there = np.random.default_rng(1).permutation(len(labels))
    assert gain_at(labels, rounded, 0.1) == pytest.approx(gain_at(labels[there], rounded[there], 0.1), abs=1e-12)


def test_the_profit_of_four_kinds_of_decisions_worked_by_hand():
    labels, decided = np.array([1, 1, 0, 0, 0]), np.array([True, False, True, False, False])
    assert total_profit(labels, decided, PROFIT) == 8 - 2 - 1 + 0.5 + 0.5
    found = evaluate(labels, np.where(decided, 0.9, 0.1), 0.5, PROFIT)
    assert (found["profit"], found["profit_per_row"]) == (6, 1.2)


def test_the_profit_at_each_threshold_is_that_of_deciding_by_it():
    labels, probabilities = drawn(300)
    probabilities = probabilities.round(2)
    thresholds, profits = profit_by_threshold(labels, probabilities, PROFIT)
    assert len(thresholds) == len(np.unique(probabilities)) + 1
    for threshold, earned in zip(thresholds, profits, strict=True):
        assert earned == pytest.approx(total_profit(labels, probabilities >= threshold, PROFIT), abs=1e-9)
