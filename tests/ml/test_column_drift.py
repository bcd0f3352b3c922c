"""When a column is said to have drifted."""

from functools import reduce
from operator import add

import numpy as np
import pandas as pd
import pytest

from ml.contract import Column
from ml.model_config import Drift
from ml.monitoring.column_drift import OUTCOME, TOGETHER, ColumnDrift, compare
from ml.monitoring.feature_stats import FeatureStats, feature_stats
from ml.monitoring.inference_window import summed_up
from ml.monitoring.summary import Summary
from ml.use_case import load_use_case
from tests.conftest import REPOSITORY
from tests.ml.drift_cases import CONTRACT, rows

FEATURES = [Column(**column) for column in CONTRACT["columns"][:3]]
ALONE = Drift(psi_limit=1e-9, ks_limit=1e-9, wasserstein_limit=1e-9, null_rate_limit=1e-9, auc_limit=0.5 + 1e-9)
"""Leaves the decision to what chance explains."""


def reference_of(frame, features=FEATURES):
    return FeatureStats.model_validate(feature_stats(frame, features))


def compared(frame, training=None, config=None, **given):
    reference = reference_of(rows(5_000) if training is None else training)
    return compare(reference, Summary.of(frame, reference, **given), config or Drift())


def drifted(frame, **config):
    return [c.column for c in compared(frame, config=Drift(**config)) if c.drifted]


def column(found, name):
    return next(c for c in found if c.column == name)


def test_rows_of_the_same_kind_do_not_drift():
    assert drifted(rows(1_000, seed=1)) == []


def test_a_shifted_number_drifts_and_no_other_column_does():
    assert drifted(rows(1_000, seed=1, shift=8)) == ["bill.mean", TOGETHER]


def test_a_column_may_have_a_limit_of_its_own():
    assert drifted(rows(1_000, seed=1, shift=8), psi_limits={"bill.mean": 2.0}, auc_limit=0.9) == []


def test_in_few_rows_chance_explains_what_is_above_the_limit():
    bill = column(compared(rows(30, seed=1)), "bill.mean")
    psi = bill.measure("psi")
    assert psi.value > psi.limit
    assert psi.adjusted > 0.01
    assert not bill.drifted


def test_columns_are_ranked_by_how_many_limits_they_moved():
    frame = rows(1_000, seed=1, shift=8).assign(**{"Calls <i>": 40.0})
    ranked = compared(frame, config=Drift(psi_limits={"Calls <i>": 1000.0}))
    ranked = [c for c in ranked if c.is_feature]
    assert ranked[0].column == "bill.mean"
    assert [c.first.ratio for c in ranked] == sorted((c.first.ratio for c in ranked), reverse=True)


def test_means_and_deviations_are_those_of_the_present_values():
    training, frame = rows(5_000), rows(12_345, seed=1)
    frame.loc[::7, "bill.mean"] = None
    reference = reference_of(training)
    parts = [Summary.of(frame.iloc[part], reference) for part in np.array_split(np.arange(len(frame)), 4)]
    window = reduce(add, parts)
    bill = column(compare(reference, window, Drift()), "bill.mean")
    figures = (bill.reference_mean, bill.reference_std, bill.window_mean, bill.window_std)
    values = frame["bill.mean"]
    expected = (training["bill.mean"].mean(), training["bill.mean"].std(), values.mean(), values.std())
    assert figures == pytest.approx(expected)
    assert window.rows == 12_345


def test_a_feature_that_an_input_does_not_name_is_null():
    inputs = [({}, 0.5, 0, None, "0"), ({"Plan A": "x", "more": 1}, 0.5, 0, None, "1")]
    window = summed_up(inputs, reference_of(rows(100)))
    assert window.columns["bill.mean"].nulls == 2
    assert window.columns["Plan A"].histogram.tolist() == [1, 0, 0, 0, 1]


def test_new_categories_are_named_and_counted():
    frame = rows(500, seed=1)
    frame.loc[:19, "Plan A"] = "new"
    plan = column(compared(frame), "Plan A")
    assert (plan.first.statistic, plan.first.value, plan.unknown) == ("new_categories", 0.04, {"new": 20})
    assert plan.drifted


def test_more_nulls_are_found_though_psi_is_below_its_limit():
    frame = rows(2_000, seed=1)
    frame.loc[:119, "Calls <i>"] = None
    calls = column(compared(frame, config=Drift(psi_limit=1)), "Calls <i>")
    assert (calls.first.statistic, calls.drifted) == ("null_rate", True)


def test_columns_that_only_move_together_are_found_by_the_classifier():
    training, frame = rows(5_000), rows(2_000, seed=1)
    frame["Calls <i>"] = np.sort(frame["Calls <i>"])
    frame["bill.mean"] = np.sort(frame["bill.mean"])
    assert [c.column for c in compared(frame, training) if c.drifted] == [TOGETHER]


def test_the_distribution_of_answers_and_the_share_of_positive_outcomes_are_compared():
    random = np.random.default_rng(3)
    training, frame = rows(5_000), rows(1_000, seed=1)
    given = {"probabilities": random.beta(2, 5, size=2_000), "labels": random.random(5_000) < 0.1}
    reference = FeatureStats.of(training, FEATURES, **given)
    outcomes = np.where(np.arange(1_000) < 500, random.random(1_000) < 0.4, np.nan)
    window = Summary.of(frame, reference, probabilities=random.beta(5, 2, size=1_000), labels=outcomes)
    found = compare(reference, window, Drift())
    assert [c.kind for c in found if c.drifted] == ["prediction", "outcome"]
    assert sum(column(found, OUTCOME).window) == 500
    same = Summary.of(frame, reference, probabilities=random.beta(2, 5, size=1_000), labels=np.full(1_000, np.nan))
    assert [c.column for c in compare(reference, same, Drift()) if c.drifted] == []
    assert OUTCOME not in [c.column for c in compare(reference, same, Drift())]


def test_a_version_of_before_there_were_sketches_is_compared_by_its_bins():
    stored = feature_stats(rows(5_000), FEATURES)
    del stored["prediction"], stored["label"], stored["sample"], stored["columns"]["bill.mean"]["sketch"]
    reference = FeatureStats.model_validate(stored)
    found = compare(reference, Summary.of(rows(1_000, seed=1, shift=8), reference), Drift())
    assert [m.statistic for m in column(found, "bill.mean").measures] == ["psi", "jensen_shannon", "null_rate"]
    assert [c.column for c in found if c.drifted] == ["bill.mean"]


def test_a_report_of_before_there_were_several_statistics_is_read():
    older = {
        "column": "c", "kind": "number", "value": 0.5, "limit": 0.2, "chance": 0.1, "drifted": True, "bins": ["any"],
        "reference": [1], "window": [1], "reference_mean": 1.0, "reference_std": None, "window_mean": 1.0,
        "window_std": None, "statistic": "psi",
    }  # fmt: skip
    found = ColumnDrift.from_json(older)
    assert (str(found), found.drifted, found.first.ratio) == ("c PSI 0.5 (limit 0.2)", True, 2.5)


def last_fifth(real_data):
    features = load_use_case(REPOSITORY / "data", real_data_use_case()).model_features
    frame = pd.read_csv(real_data, sep=";")
    cut = int(0.8 * len(frame))
    return features, frame.iloc[:cut], frame.iloc[cut:]


def real_data_use_case():
    return next(path.parent.name for path in (REPOSITORY / "data").glob("*/contract.yaml"))


def test_psi_of_the_real_file_is_near_the_figures_measured_before(real_data):
    features, first, last = last_fifth(real_data)
    reference = reference_of(first, features)
    columns = [c for c in compare(reference, Summary.of(last, reference), Drift()) if c.is_feature]
    psi = {c.column: c.measure("psi").value for c in columns}
    measured = {"month": 1.11, "poutcome": 0.97, "contact": 0.96, "previous": 0.81, "pdays": 0.74}
    measured |= {"day": 0.58, "job": 0.17, "age": 0.16, "campaign": 0.10}
    # Bins and the share that stands for an empty bin differ from those of the first measurement.
    assert psi == pytest.approx({**psi, **measured}, rel=0.15, abs=0.02)
    assert max(value for name, value in psi.items() if name not in measured) < 0.08
    assert {c.column for c in columns if c.drifted} == {"month", "poutcome", "contact", "previous", "pdays", "day"}


def test_random_rows_of_the_real_training_data_do_not_drift(real_data):
    features, first, _ = last_fifth(real_data)
    reference, sample = reference_of(first, features), first.sample(10_000, random_state=3)
    assert not [c for c in compare(reference, Summary.of(sample, reference), ALONE) if c.drifted]
