"""Calibration curves against what they must bring about, and scikit-learn."""

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import log_loss, roc_auc_score

from ml.evaluation.calibration_error import expected_calibration_error
from ml.model_config import CalibrationMethod
from ml.training.calibration import PiecewiseLinear, Sigmoid, apply, fit_curve


@pytest.fixture(scope="module")
def overconfident() -> tuple[np.ndarray, np.ndarray]:
    """Labels drawn with the true probabilities, and what an overconfident, biased model makes of these."""
    random = np.random.default_rng(4)
    true = expit(random.normal(-1.5, 1.2, 20_000))
    return (random.random(20_000) < true).astype("int64"), expit(2.5 * logit(true) + 1.0)


@pytest.mark.parametrize("method", [CalibrationMethod.SIGMOID, CalibrationMethod.ISOTONIC])
def test_calibration_mends_a_miscalibrated_model_on_rows_it_was_not_fitted_on(overconfident, method) -> None:
    labels, probabilities = overconfident
    before = expected_calibration_error(labels[10_000:], probabilities[10_000:])
    curve = fit_curve(method, labels[:10_000], probabilities[:10_000])
    after = expected_calibration_error(labels[10_000:], apply(curve, probabilities[10_000:]))
    assert before > 0.05
    assert after < 0.012


def test_sigmoid_finds_the_line_that_was_bent(overconfident) -> None:
    labels, probabilities = overconfident
    curve = fit_curve(CalibrationMethod.SIGMOID, labels, probabilities)
    assert curve.slope == pytest.approx(1 / 2.5, rel=0.05)
    assert curve.intercept == pytest.approx(-1 / 2.5, abs=0.05)
    nudged = [
        log_loss(labels, Sigmoid(curve.slope + a, curve.intercept + b)(probabilities))
        for a, b in ((0.01, 0), (-0.01, 0), (0, 0.01), (0, -0.01))
    ]
    assert log_loss(labels, curve(probabilities)) < min(nudged)


def test_sigmoid_changes_no_order_and_isotonic_hardly_any(overconfident) -> None:
    labels, probabilities = overconfident
    auc = roc_auc_score(labels, probabilities)
    assert roc_auc_score(labels, Sigmoid(0.4, -0.4)(probabilities)) == pytest.approx(auc, abs=1e-12)
    curve = fit_curve(CalibrationMethod.ISOTONIC, labels, probabilities)
    assert (np.diff(curve(np.linspace(0, 1, 1001))) >= 0).all()
    assert roc_auc_score(labels, curve(probabilities)) == pytest.approx(auc, abs=0.002)


def test_isotonic_keeps_to_scikit_learns_steps(overconfident) -> None:
    labels, probabilities = overconfident
    steps = IsotonicRegression(out_of_bounds="clip").fit(probabilities, labels)
    curve = fit_curve(CalibrationMethod.ISOTONIC, labels, probabilities)
    assert np.abs(curve(probabilities) - steps.predict(probabilities)).mean() < 0.01


def test_no_calibration_changes_nothing_and_certainty_stays_a_number() -> None:
    assert fit_curve(CalibrationMethod.NONE, np.array([0, 1]), np.array([0.2, 0.7])) is None
    assert list(apply(None, np.array([0.25]))) == [0.25]
    assert np.isfinite(Sigmoid(1.3, 0.1)(np.array([0.0, 1.0]))).all()
    assert list(PiecewiseLinear([0.2, 0.4], [0.1, 0.5])(np.array([0.0, 0.3, 1.0]))) == pytest.approx([0.1, 0.3, 0.5])


def test_few_rows_of_one_probability_calibrate_to_their_share() -> None:
    labels, same = np.array([0, 0, 1]), np.full(3, 0.6)
    curve = fit_curve(CalibrationMethod.ISOTONIC, labels, same)
    assert apply(curve, np.array([0.6]))[0] == pytest.approx(1 / 3)
