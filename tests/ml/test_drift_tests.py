"""Tests of significance: known values, and how often they are wrong."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from scipy.stats import chi2_contingency, fisher_exact, mannwhitneyu
from sklearn.metrics import roc_auc_score

import ml.monitoring.holm
import ml.monitoring.shares
import ml.monitoring.standing
import ml.monitoring.two_sample
from ml.model_config import Confirm
from ml.monitoring.chi_square import chi_square, pooled
from ml.monitoring.holm import holm
from ml.monitoring.psi import p_value, psi
from ml.monitoring.shares import change
from ml.monitoring.standing import standing
from ml.monitoring.two_sample import mann_whitney, tell_apart

RANDOM = np.random.default_rng(5)
NUMBERS = np.zeros(4, dtype=bool)


@pytest.mark.parametrize(
    "module", [ml.monitoring.holm, ml.monitoring.shares, ml.monitoring.standing, ml.monitoring.two_sample]
)
def test_the_docstrings_examples_hold(module):
    assert doctest.testmod(module) == (0, 1)


@pytest.mark.parametrize("scale", [1, 10])
def test_chi_square_is_scipys(scale):
    reference, window = np.array([400, 300, 200, 60]) * scale, np.array([35, 41, 15, 9]) * scale
    expected = chi2_contingency(np.stack([reference, window]), correction=False)
    statistic, p = chi_square(reference, window)
    assert statistic == pytest.approx(expected.statistic, abs=1e-9)
    assert p == pytest.approx(expected.pvalue, abs=1e-9)


def test_bins_too_rare_for_the_law_of_chi_square_are_counted_as_one():
    table = np.array([[900, 60, 30, 10, 0], [90, 6, 2, 2, 0]])
    assert pooled(table).tolist() == [[900, 60, 40], [90, 6, 4]]


def test_one_category_has_nothing_to_tell_apart():
    assert chi_square(np.array([50, 0, 0]), np.array([20, 0, 0])) == (0, 1)


def test_the_p_value_of_psi_follows_chi_square():
    reference, window = np.full(10, 20), np.array([10] * 9 + [14])
    scaled = psi(reference, window) / (1 / 200 + 1 / 104)
    assert p_value(reference, window) == pytest.approx(1 - _chi_square_share(scaled, 9), abs=1e-9)
    assert p_value(np.array([0, 100]), np.array([0, 3])) == 1


def _chi_square_share(value, freedom):
    from scipy.stats import chi2

    return chi2.cdf(value, freedom)


@pytest.mark.parametrize("more", [0, 1, 5, 40])
def test_a_change_of_a_share_is_tested_as_fisher_does(more):
    share, p = change(3, 5_000, more, 400)
    smaller = min(fisher_exact([[more, 400 - more], [3, 4_997]], alternative=side)[1] for side in ("less", "greater"))
    assert share == pytest.approx(more / 400 - 3 / 5_000)
    assert p == pytest.approx(min(2 * smaller, 1), rel=1e-9)


def test_a_share_of_millions_of_rows_can_be_tested():
    assert change(10_000, 1_000_000, 100_000, 10_000_000) == (0, pytest.approx(1, abs=0.02))
    assert change(10_000, 1_000_000, 120_000, 10_000_000)[1] < 1e-9


def test_holm_gives_the_p_values_of_a_published_example():
    # Wright, Adjusted p-values for simultaneous inference, Biometrics 48, 1992: ordered steps of 4, 3, 2, 1.
    assert holm([0.01, 0.02, 0.022, 0.09]).tolist() == pytest.approx([0.04, 0.06, 0.06, 0.09])
    assert holm([0.6, 0.7]).tolist() == [1, 1]
    assert holm([]).tolist() == []


def test_the_area_under_the_roc_curve_and_its_law_are_those_of_mann_and_whitney():
    labels, scores = RANDOM.integers(2, size=400), RANDOM.integers(30, size=400) / 7
    auc, error = mann_whitney(scores, labels)
    expected = mannwhitneyu(scores[labels == 1], scores[labels == 0], method="asymptotic", use_continuity=False)
    assert auc == pytest.approx(roc_auc_score(labels, scores), abs=1e-9)
    z = (auc - 0.5) / error
    from scipy.stats import norm

    assert 2 * norm.sf(abs(z)) == pytest.approx(expected.pvalue, abs=1e-9)


def test_a_classifier_does_not_tell_samples_of_one_distribution_apart_more_often_than_stated():
    found = [tell_apart(RANDOM.normal(size=(300, 4)), RANDOM.normal(size=(150, 4)), NUMBERS) for _ in range(100)]
    assert sum(f.p_value <= 0.05 for f in found) <= 5
    assert np.mean([f.auc for f in found]) == pytest.approx(0.5, abs=0.02)
    assert sum(f.low <= 0.5 <= f.high for f in found) >= 90


def test_a_classifier_sees_columns_that_only_move_together():
    reference, window = RANDOM.normal(size=(1_000, 4)), RANDOM.normal(size=(1_000, 4))
    window[:, 1] = window[:, 0]
    found = tell_apart(reference, window, NUMBERS)
    assert found.p_value < 1e-6
    assert 0.5 < found.low < found.auc < found.high <= 1


def test_a_classifier_sees_categories_and_nulls():
    reference = RANDOM.integers(5, size=(500, 4)).astype(float)
    window = RANDOM.integers(5, size=(500, 4)).astype(float)
    window[::2, 2] = np.nan
    assert tell_apart(reference, window, ~NUMBERS).p_value < 1e-6


def test_the_same_samples_give_the_same_figures():
    reference, window = RANDOM.normal(size=(200, 4)), RANDOM.normal(size=(200, 4))
    assert tell_apart(reference, window, NUMBERS) == tell_apart(reference, window, NUMBERS)


def test_of_a_handful_of_rows_nothing_is_said():
    assert tell_apart(RANDOM.normal(size=(500, 4)), RANDOM.normal(size=(49, 4)), NUMBERS) is None


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ([], "ok"),
        ([True, True, False], "ok"),
        ([False, False, True], "suspected"),
        ([False, True, True], "confirmed"),
        ([True, False, True], "confirmed"),
        ([True, False, False, True], "suspected"),
    ],
)
def test_two_of_three_windows_confirm_drift(history, expected):
    assert standing(history, Confirm(violations=2, windows=3)) == expected


def test_by_default_one_window_confirms_it():
    assert standing([True], Confirm()) == "confirmed"


def test_more_violations_than_windows_are_refused():
    with pytest.raises(ValueError, match="3 violations cannot be among the last 2 windows"):
        Confirm(violations=3, windows=2)
