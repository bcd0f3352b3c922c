"""Performance without labels: on calibrated data it is what the labels then say."""

import numpy as np
import pytest
from sklearn import metrics

from ml.performance.estimated import estimate
from ml.performance.realised import measure

NAMES = ("roc_auc", "average_precision", "brier", "f1")


def calibrated(n, seed, a=1.0, b=3.0):
    rng = np.random.default_rng(seed)
    probabilities = rng.beta(a, b, size=n)
    return (rng.random(n) < probabilities).astype(float), probabilities, (probabilities >= 0.3).astype(float)


def realised(labels, probabilities, positive):
    return {
        "roc_auc": metrics.roc_auc_score(labels, probabilities),
        "average_precision": metrics.average_precision_score(labels, probabilities),
        "brier": metrics.brier_score_loss(labels, probabilities),
        "f1": metrics.f1_score(labels, positive),
    }


@pytest.fixture(scope="module")
def trials():
    """Estimated and realised figures of 100 windows."""
    windows = [calibrated(300, seed) for seed in range(100)]
    return [(estimate(window[1], window[2]), realised(*window)) for window in windows]


@pytest.mark.parametrize("name", NAMES)
def test_on_calibrated_data_the_interval_holds_the_realised_figure_95_times_of_100(trials, name):
    inside = sum(estimated[name].low <= figures[name] <= estimated[name].high for estimated, figures in trials)
    assert 89 <= inside <= 100


def test_on_many_rows_it_equals_the_realised_figures():
    labels, probabilities, positive = calibrated(100_000, seed=1)
    found = estimate(probabilities, positive, rounds=20)
    assert {name: found[name].value for name in NAMES} == pytest.approx(
        realised(labels, probabilities, positive), abs=0.006
    )


def test_it_follows_the_inputs_where_the_probabilities_stay_calibrated():
    _, easy, positive = calibrated(5_000, seed=2, a=0.3, b=0.6)
    _, hard, unsure = calibrated(5_000, seed=2, a=6, b=12)
    assert estimate(easy, positive)["roc_auc"].low > estimate(hard, unsure)["roc_auc"].high


def test_it_is_blind_where_the_same_inputs_mean_something_else():
    labels, probabilities, positive = calibrated(5_000, seed=3)
    expected = estimate(probabilities, positive)["roc_auc"]
    turned = measure(1 - labels, probabilities, positive)["roc_auc"]
    assert expected.low > 0.7
    assert turned.high < 0.3


def test_two_rows_are_worked_out_by_hand():
    found = estimate(np.array([0.75, 0.25]), np.array([1.0, 0.0]))
    # The positive part of the first above the negative part of the second, and half of what ties with itself.
    assert found["roc_auc"].value == pytest.approx(0.75 * 0.75 + 0.75 * 0.25)
    assert found["brier"].value == pytest.approx(0.75 * 0.25)
    assert found["f1"].value == pytest.approx(2 * 0.75 / (1 + 1))


def test_the_same_rows_give_the_same_interval():
    _, probabilities, positive = calibrated(200, seed=4)
    assert estimate(probabilities, positive) == estimate(probabilities, positive)


def test_rows_without_doubt_of_one_class_give_no_area_under_the_curve():
    found = estimate(np.zeros(20), np.zeros(20))
    assert "roc_auc" not in found
    assert found["brier"].value == 0


@pytest.mark.parametrize("bad", [np.nan, -0.1, 1.1])
def test_what_is_no_probability_is_refused(bad):
    with pytest.raises(ValueError, match="between 0 and 1"):
        estimate(np.array([0.5, bad]), np.array([1.0, 0.0]))


def test_realised_figures_are_those_of_scikit_learn_with_the_interval_around_them():
    labels, probabilities, positive = calibrated(400, seed=5)
    found = measure(labels, probabilities, positive)
    expected = realised(labels, probabilities, positive)
    assert {name: found[name].value for name in NAMES} == pytest.approx(expected, abs=1e-12)
    assert all(found[name].low < expected[name] < found[name].high for name in NAMES)


def test_the_calibration_error_of_live_rows_is_that_of_the_evaluation():
    from ml.evaluation.calibration_error import expected_calibration_error

    labels, probabilities, positive = calibrated(500, seed=6)
    found = measure(labels, probabilities, positive)["ece"]
    assert found.value == pytest.approx(expected_calibration_error(labels.astype(int), probabilities), abs=1e-12)


def test_one_class_alone_has_a_brier_score_and_no_area_under_the_curve():
    found = measure(np.zeros(50), np.full(50, 0.1), np.zeros(50))
    assert "roc_auc" not in found
    assert "average_precision" not in found
    assert found["brier"].value == pytest.approx(0.01)
