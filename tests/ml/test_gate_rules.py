"""The gate's verdict, on rows whose truth is known."""

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from ml.contract import Column
from ml.evaluation.slices import each_slice, slice_names
from ml.model_config import Gate, Metric
from ml.promotion.gate import Rival, judge

CONFIG = Gate(min_rows=100)


def truth(n=4000, seed=0):
    """Labels, the chance that each has, and slices of which one holds a quarter of the rows."""
    random = np.random.default_rng(seed)
    chance = random.beta(1, 3, size=n)
    labels = (random.random(n) < chance).astype("int64")
    return labels, chance, pd.DataFrame({"place": np.where(np.arange(n) % 4 == 0, "north", "south")})


def noisy(chance, amount, seed=1):
    return np.clip(chance + np.random.default_rng(seed).normal(0, amount, len(chance)), 0, 1)


def verdict(challenger, production=None, metric=Metric.ROC_AUC, config=CONFIG, n=4000, **figures):
    labels, _, slices = truth(n)
    return judge(
        labels, Rival(challenger, 0.3, **figures), None if production is None else Rival(production, 0.3), slices,
        metric, config,
    )  # fmt: skip


@pytest.mark.parametrize("metric", list(Metric))
def test_the_figures_are_those_of_scikit_learn_and_a_better_model_passes(metric):
    labels, chance, _ = truth()
    poor = noisy(chance, 0.3)
    found = verdict(chance, poor, metric)
    reference = {
        Metric.ROC_AUC: metrics.roc_auc_score,
        Metric.AVERAGE_PRECISION: metrics.average_precision_score,
        Metric.F1: lambda y, p: metrics.f1_score(y, p >= 0.3),
    }[metric]
    assert found.challenger == pytest.approx(reference(labels, chance))
    assert found.production == pytest.approx(reference(labels, poor))
    assert found.low > 0
    assert found.low < found.difference < found.high
    assert found.passed
    assert found.summary == "passed"


def test_a_worse_model_fails_and_the_rule_says_by_how_much():
    _, chance, _ = truth()
    found = verdict(noisy(chance, 0.3), chance)
    assert "roc_auc" in found.failed_rules
    assert found.high < 0
    rule = found.rules[0]
    assert f"{found.difference:+.4f}" in rule.figure
    assert rule.limit == "not below -0.01"


def test_the_same_model_passes_however_few_the_rows():
    _, chance, _ = truth(150)
    found = verdict(chance, chance, n=150)
    assert (found.difference, found.low, found.high) == (0, 0, 0)
    assert found.passed


def test_a_model_as_good_that_few_rows_cannot_tell_apart_does_not_pass_and_with_many_rows_it_does():
    few, many = truth(200)[1], truth(20_000)[1]
    one = verdict(noisy(few, 0.1, seed=2), noisy(few, 0.1, seed=3), n=200)
    other = verdict(noisy(many, 0.1, seed=2), noisy(many, 0.1, seed=3), n=20_000)
    assert one.failed_rules == ["roc_auc"]
    assert other.passed


def test_a_model_that_is_better_on_the_whole_and_useless_in_one_slice_fails_by_the_slice():
    _, chance, slices = truth()
    north = (slices["place"] == "north").to_numpy()
    spoilt = np.where(north, 0.5, chance)
    production = noisy(chance, 0.4)
    found = verdict(spoilt, production, config=CONFIG.model_copy(update={"max_ece": 1}))
    assert found.low > -0.01
    assert found.failed_rules == ["slices"]
    (rule,) = [r for r in found.rules if r.name == "slices"]
    assert rule.figure.startswith("place north: -0.")


def test_a_slice_with_too_few_rows_is_not_judged():
    _, chance, slices = truth()
    spoilt = np.where(slices["place"] == "north", 0.5, chance)
    found = verdict(spoilt, noisy(chance, 0.4), config=CONFIG.model_copy(update={"min_rows": 2000, "max_ece": 1}))
    assert found.passed


def test_slices_that_differ_by_chance_alone_fail_hardly_ever():
    random = np.random.default_rng(0)
    failed = 0
    for seed in range(40):
        labels, chance, _ = truth(2000, seed)
        slices = pd.DataFrame({f"c{i}": random.integers(0, 4, 2000).astype(str) for i in range(4)})
        one, other = noisy(chance, 0.1, seed=2 * seed), noisy(chance, 0.1, seed=2 * seed + 1)
        found = judge(labels, Rival(one, 0.3), Rival(other, 0.3), slices, Metric.ROC_AUC, CONFIG)
        failed += "slices" in found.failed_rules
    assert failed == 0


def test_probabilities_that_are_far_off_fail_by_the_calibration():
    _, chance, _ = truth()
    found = verdict(np.sqrt(chance), chance)
    assert found.failed_rules == ["calibration"]
    assert found.difference == pytest.approx(0, abs=1e-12)


def test_probabilities_no_further_off_than_those_in_production_pass():
    _, chance, _ = truth()
    found = verdict(np.sqrt(chance), np.sqrt(np.sqrt(chance)))
    assert found.passed


def test_few_rows_do_not_fail_a_calibrated_model():
    _, chance, _ = truth(60)
    found = verdict(chance, n=60, config=CONFIG.model_copy(update={"max_ece": 0.0001}))
    (rule,) = [r for r in found.rules if r.name == "calibration"]
    assert rule.passed
    assert rule.limit.endswith("what chance gives")


@pytest.mark.parametrize(
    ("figures", "failed"),
    [
        ({"latency_ms": 20.0, "artifact_mb": 200.0}, []),
        ({"latency_ms": 20.1, "artifact_mb": 1.0}, ["latency"]),
        ({"latency_ms": 0.2, "artifact_mb": 200.1}, ["size"]),
    ],
)
def test_a_model_that_is_slow_or_large_fails(figures, failed):
    assert verdict(truth()[1], **figures).failed_rules == failed


@pytest.mark.parametrize("metric", list(Metric))
def test_the_first_version_must_have_skill(metric):
    labels, chance, _ = truth()
    assert verdict(chance, metric=metric).passed
    share = labels.mean()
    without = {Metric.ROC_AUC: 0.5, Metric.AVERAGE_PRECISION: share, Metric.F1: 2 * share / (1 + share)}[metric]
    constant = verdict(np.full(len(labels), 0.31), metric=metric, config=CONFIG.model_copy(update={"max_ece": 1}))
    assert constant.challenger == pytest.approx(without)
    assert constant.failed_rules == [metric.value]
    assert constant.production is None


@pytest.mark.parametrize(("floor", "passed"), [(0.6, True), (0.99, False)])
def test_the_first_version_must_reach_the_configured_floor(floor, passed):
    found = verdict(truth()[1], config=CONFIG.model_copy(update={"floor": floor}))
    assert found.passed == passed
    assert found.rules[0].limit == f"at least {floor}"


def test_rows_of_one_class_are_no_evidence():
    with pytest.raises(ValueError, match="10 rows of one class tell no two models apart"):
        judge(np.zeros(10, dtype="int64"), Rival(np.zeros(10), 0.5), None, pd.DataFrame(), Metric.ROC_AUC, CONFIG)


def test_the_table_is_aligned_and_ends_with_the_verdict():
    lines = verdict(truth()[1], latency_ms=0.1234, artifact_mb=3).lines()
    assert lines[0].split() == ["rule", "figure", "limit"]
    assert len({line.index("  pass") for line in lines if line.endswith("pass")}) == 1
    assert lines[-1] == "Gate passed."
    assert "| latency | 0.12 ms a row | up to 20 ms | pass |" in verdict(truth()[1], latency_ms=0.1234).markdown()


PLACE = Column(name="place", type="category", meaning="", categories=("a", "b"), nulls="allowed")
AMOUNT = Column(name="amount", type="number", meaning="", nulls="allowed")


def test_a_category_is_a_slice_each_and_a_number_is_cut_into_quarters():
    frame = pd.DataFrame({"place": ["a", "b", None, "a"] * 25, "amount": [*range(1, 100), np.nan]})
    names = slice_names(frame, [PLACE, AMOUNT])
    assert names["place"].value_counts().to_dict() == {"a": 50, "b": 25, "(none)": 25}
    assert names["amount"].value_counts().to_dict() == {
        "up to 25.5": 25, "25.5 to 50": 25, "50 to 74.5": 24, "above 74.5": 25, "(none)": 1,
    }  # fmt: skip
    assert [(c, s) for c, s, _ in each_slice(names, 50)] == [("place", "a")]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([-1.0] * 9 + [5.0], {"up to -1": 9, "above -1": 1}),
        ([2.0] * 4, {"up to 2": 4}),
        ([np.nan] * 4, {"(none)": 4}),
    ],
)
def test_numbers_that_repeat_make_fewer_slices(values, expected):
    names = slice_names(pd.DataFrame({"amount": values}), [AMOUNT])
    assert names["amount"].value_counts().to_dict() == expected
