"""The population stability index and what chance alone explains of it."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from scipy.stats import entropy

import ml.monitoring.psi
from ml.monitoring.psi import critical_value, psi


def test_the_docstrings_example_holds():
    assert doctest.testmod(ml.monitoring.psi) == (0, 1)


def test_psi_of_the_textbook_example_of_income_bands():
    # geeksforgeeks.org/data-science/population-stability-index-psi: 0.0067 + 0.0091 + 0.0288
    assert psi(np.array([40, 30, 30]), np.array([35, 25, 40])) == pytest.approx(0.0067 + 0.0091 + 0.0288, abs=5e-5)


def test_psi_of_another_packages_published_value():
    # strappy 0.0.3, tests/test_psi.py
    assert round(float(psi(np.array([6, 5]), np.array([5, 4]))), 5) == 0.00041


def test_psi_is_the_sum_of_both_kullback_leibler_divergences():
    reference, window = np.array([10, 20, 30, 40]), np.array([400, 300, 200, 100])
    assert psi(reference, window) == pytest.approx(entropy(reference, window) + entropy(window, reference))


def test_equal_shares_have_psi_zero_whatever_the_number_of_rows():
    assert psi(np.array([10, 20, 0]), np.array([1000, 2000, 0])) == 0


def test_an_empty_bin_counts_as_half_a_row():
    assert psi(np.array([50, 50, 0]), np.array([40, 40, 20])) == pytest.approx(
        psi(np.array([100, 100, 1]), np.array([40, 40, 20]))
    )


def test_a_bin_that_is_empty_in_both_samples_counts_as_none():
    assert psi(np.array([10, 0, 20]), np.array([20, 0, 10])) == psi(np.array([10, 20]), np.array([20, 10]))


def test_psi_of_samples_that_share_no_bin_is_finite_and_large():
    assert 5 < psi(np.array([30_000, 0]), np.array([0, 200])) < 20


def test_many_pairs_of_samples_are_compared_at_once():
    reference = np.array([[10, 20], [30, 30]])
    window = np.array([[20, 10], [30, 30]])
    assert psi(reference, window).tolist() == [psi(reference[0], window[0]), 0]
    assert critical_value(reference, window, 0.05).shape == (2,)


def test_the_critical_value_follows_the_table_of_chi_square():
    # 95 % points of chi-square in any table: 3.841 with 1 and 16.919 with 9 degrees of freedom.
    assert critical_value(np.full(10, 20), np.full(10, 10), 0.05) == pytest.approx(
        16.919 * (1 / 200 + 1 / 100), rel=1e-4
    )
    assert critical_value(np.array([5, 5]), np.array([9, 1]), 0.05) == pytest.approx(3.841 * 0.2, rel=1e-3)


def test_a_column_with_one_bin_in_use_has_nothing_to_exceed():
    assert critical_value(np.array([0, 100]), np.array([0, 50]), 0.001) == 0


@pytest.mark.parametrize("rows", [200, 1_000, 10_000])
def test_samples_of_one_distribution_exceed_the_critical_value_as_often_as_stated(rows):
    rng = np.random.default_rng(20)
    shares = np.full(10, 0.1)
    reference, window = rng.multinomial(30_000, shares, size=20_000), rng.multinomial(rows, shares, size=20_000)
    exceeded = psi(reference, window) > critical_value(reference, window, 0.01)
    # The law is one of large samples: of 200 rows in ten bins, 1.3 to 1.5 % exceed it instead of 1 %.
    assert exceeded.mean() == pytest.approx(0.01, abs=0.006)
