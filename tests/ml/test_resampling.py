"""Figures against scikit-learn's, intervals against what theory knows."""

import math

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from sklearn import metrics

from ml.monitoring.jensen_shannon import jensen_shannon
from ml.promotion import resampling


def drawn(n=500, seed=0, digits=1):
    """Labels, scores with many ties, and weights of which a third are 0."""
    random = np.random.default_rng(seed)
    labels = random.integers(2, size=n).astype(float)
    scores = np.clip(0.4 * labels + random.random(n) * 0.6, 0, 1).round(digits)
    return labels, scores, random.poisson(1, size=n).astype(float)


@pytest.mark.parametrize("digits", [1, 6])
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (resampling.roc_auc, metrics.roc_auc_score),
        (resampling.average_precision, metrics.average_precision_score),
        (resampling.brier, metrics.brier_score_loss),
        (resampling.log_loss, metrics.log_loss),
    ],
)
def test_weighted_figures_are_scikit_learns(ours, theirs, seed, digits):
    labels, scores, weights = drawn(seed=seed, digits=digits)
    assert ours(labels, scores)(weights) == pytest.approx(theirs(labels, scores, sample_weight=weights), rel=1e-9)


def test_known_values():
    labels, scores = np.array([0.0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8])
    every = np.ones(4)
    assert resampling.roc_auc(labels, scores)(every) == 0.75
    assert resampling.average_precision(labels, scores)(every) == pytest.approx(0.8333333)
    assert resampling.quantile(np.array([3.0, 1, 2, 4]), 0.5)(every) == 2
    assert resampling.quantile(np.array([3.0, 1, 2, 4]), 1)(every) == 4
    assert resampling.quantile(np.array([3.0, 1, 2, 4]), 0.5)(np.array([5.0, 1, 0, 0])) == 3
    assert resampling.mean(np.array([1.0, 4]))(np.array([1.0, 2])) == 3


def test_one_class_has_no_area():
    scores = np.array([0.1, 0.2])
    for labels in (np.zeros(2), np.ones(2)):
        assert math.isnan(resampling.roc_auc(labels, scores)(np.ones(2)))
    assert math.isnan(resampling.average_precision(np.zeros(2), scores)(np.ones(2)))
    statistics = {"auc": (resampling.roc_auc(np.ones(2), scores),) * 2}
    assert resampling.differences(statistics, 2, 2, paired=True)["auc"].low is None


def of_means(first, second, *, paired):
    statistics = {"mean": (resampling.mean(first), resampling.mean(second))}
    return resampling.differences(statistics, len(first), len(second), paired=paired)["mean"]


def test_intervals_of_means_are_those_of_the_normal_theory():
    random = np.random.default_rng(1)
    first = random.normal(10, 3, size=2000)
    second = first + random.normal(0.5, 0.2, size=2000)
    paired, apart = of_means(first, second, paired=True), of_means(first, second, paired=False)
    for found, error in (
        (paired, (second - first).std() / math.sqrt(2000)),
        (apart, math.hypot(first.std(), second.std()) / math.sqrt(2000)),
    ):
        assert found.difference == pytest.approx((second - first).mean())
        assert found.low == pytest.approx(found.difference - 1.96 * error, abs=0.25 * error)
        assert found.high == pytest.approx(found.difference + 1.96 * error, abs=0.25 * error)
    assert paired.high - paired.low < 0.1 * (apart.high - apart.low)


def test_samples_of_different_size_are_compared_apart_and_never_as_pairs():
    assert of_means(np.array([1.0, 1]), np.array([2.0, 2, 2]), paired=False) == resampling.Difference(1, 2, 1, 1, 1)
    with pytest.raises(ValueError, match="2 and 3 rows make no pairs"):
        of_means(np.array([1.0, 1]), np.array([2.0, 2, 2]), paired=True)


def test_about_one_in_twenty_intervals_misses_the_truth():
    random = np.random.default_rng(2)
    missed = 0
    for _ in range(200):
        first, second = random.normal(size=100), random.normal(size=80)
        found = of_means(first, second, paired=False)
        missed += not found.low <= 0 <= found.high
    assert 2 <= missed <= 22  # 10 expected, 4 standard errors


def test_the_divergence_is_scipys_squared_and_bounded():
    random = np.random.default_rng(3)
    for _ in range(20):
        one, other = random.integers(0, 50, size=(2, 12))
        assert jensen_shannon(one, other) == pytest.approx(jensenshannon(one, other, base=2) ** 2, abs=1e-12)
    assert jensen_shannon(np.array([5, 0]), np.array([0, 7])) == 1
    assert jensen_shannon(np.array([5, 10]), np.array([1, 2])) == pytest.approx(0, abs=1e-15)
