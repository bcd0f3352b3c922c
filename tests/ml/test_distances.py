"""Distances of two samples of numbers, from sketches: what scipy says of the values themselves."""

from __future__ import annotations

from functools import reduce
from operator import add

import numpy as np
import pytest
from scipy.stats import ks_2samp, wasserstein_distance

from ml.monitoring import kolmogorov_smirnov, wasserstein
from ml.monitoring.kolmogorov_smirnov import kolmogorov_smirnov as ks
from ml.monitoring.sketch import Sketch, find_grid

RANDOM = np.random.default_rng(11)
FEW = RANDOM.poisson(4, size=5_000).astype(float)
MANY = RANDOM.normal(size=40_000)
TAIL = np.round(RANDOM.pareto(1.5, size=20_000), 2)


def sketches(reference, *windows):
    grid = find_grid(np.sort(reference))
    return [Sketch.of(np.sort(values), grid) for values in (reference, *windows)]


CASES = {
    "the same values": (FEW, FEW),
    "counts, shifted": (FEW, RANDOM.poisson(5, size=700) * 1.0),
    "values that the reference does not have": (FEW, RANDOM.normal(15, 3, size=900)),
    "all below": (FEW, -RANDOM.random(50) - 3),
    "a constant": (FEW, np.full(30, 4.0)),
    "a handful of values": (np.array([2.0, 3.0, 9.0]), np.array([2.0, 3.0, 3.0])),
    "a long tail": (TAIL, np.round(RANDOM.pareto(1.3, size=3_000), 2)),
    "far from zero": (FEW + 1.7e9, RANDOM.poisson(4.4, size=500) + 1.7e9),
}


@pytest.mark.parametrize(("reference", "window"), CASES.values(), ids=CASES)
def test_ks_and_its_p_value_are_scipys_where_the_grid_holds_all_values(reference, window):
    one, other = sketches(reference, window)
    expected = ks_2samp(reference, window, method="asymp")
    found = ks(one, other)
    assert found == pytest.approx(expected.statistic, abs=1e-9)
    assert kolmogorov_smirnov.p_value(found, len(reference), len(window)) == pytest.approx(expected.pvalue, abs=1e-9)


@pytest.mark.parametrize(
    "name", [n for n in CASES if n != "values that the reference does not have" and n != "far from zero"]
)
def test_wasserstein_is_scipys_where_no_distributions_cross_between_grid_values(name):
    reference, window = CASES[name]
    found = wasserstein.wasserstein(*sketches(reference, window))
    assert found == pytest.approx(wasserstein_distance(reference, window), abs=1e-9)


def test_wasserstein_loses_no_digits_far_from_zero():
    reference, window = CASES["far from zero"]
    expected = wasserstein_distance(reference - 1.7e9, window - 1.7e9)
    assert wasserstein.wasserstein(*sketches(reference, window)) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("shift", [0.0, 0.1, 2.0])
def test_of_more_values_than_the_grid_has_both_are_near(shift):
    window = RANDOM.normal(shift, 1.1, size=30_000)
    one, other = sketches(MANY, window)
    assert len(one.grid) <= 1_001
    assert ks(one, other) == pytest.approx(ks_2samp(MANY, window).statistic, abs=1.1e-3)
    assert wasserstein.wasserstein(one, other) == pytest.approx(wasserstein_distance(MANY, window), abs=2e-3)


def test_values_above_and_below_the_grid_count_with_how_far_they_are():
    window = MANY * 100
    found = wasserstein.wasserstein(*sketches(MANY, window))
    assert found == pytest.approx(wasserstein_distance(MANY, window), rel=1e-4)


def test_sketches_of_parts_add_up_to_that_of_the_whole():
    grid = find_grid(np.sort(MANY))
    values = RANDOM.normal(0.3, 2, size=10_001)
    whole = Sketch.of(np.sort(values), grid)
    parts = reduce(add, [Sketch.of(np.sort(part), grid) for part in np.array_split(values, 7)])
    assert (parts.at.tolist(), parts.between.tolist()) == (whole.at.tolist(), whole.between.tolist())
    assert parts.excess == pytest.approx(whole.excess, abs=1e-9)
    assert whole.rows == 10_001


def test_sketches_on_different_grids_do_not_add_up():
    (one,), (other,) = sketches(FEW), sketches(MANY)
    with pytest.raises(ValueError, match="different grids"):
        one + other


@pytest.mark.parametrize("rows", [200, 5_000])
@pytest.mark.parametrize("draw", [RANDOM.normal, lambda size: RANDOM.poisson(0.5, size) * 1.0, RANDOM.exponential])
def test_wasserstein_is_judged_significant_no_more_often_than_stated(rows, draw):
    reference = draw(size=20_000)
    (one,) = sketches(reference)
    windows = (Sketch.of(np.sort(draw(size=rows)), one.grid) for _ in range(300))
    p_values = [wasserstein.p_value(wasserstein.wasserstein(one, w), one, rows) for w in windows]
    assert np.mean(np.array(p_values) <= 0.05) <= 0.05


def test_a_moved_mean_makes_wasserstein_significant():
    one, other = sketches(MANY, RANDOM.normal(0.5, size=500))
    assert wasserstein.p_value(wasserstein.wasserstein(one, other), one, 500) < 1e-6
