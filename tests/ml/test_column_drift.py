"""When a column is said to have drifted."""

import numpy as np
import pandas as pd
import pytest

from ml.contract import Column
from ml.model_config import Drift
from ml.monitoring.column_drift import compare
from ml.monitoring.feature_stats import FeatureStats, feature_stats
from ml.monitoring.inference_window import Window
from ml.use_case import load_use_case
from tests.conftest import REPOSITORY
from tests.ml.drift_cases import CONTRACT, rows

FEATURES = [Column(**column) for column in CONTRACT["columns"][:3]]
ALONE = Drift(psi_limit=1e-9)
"""Leaves the decision to what chance explains."""


def window_of(reference, frame):
    window = Window(reference)
    records = frame.astype(object).where(frame.notna(), None).to_dict("records")
    window.add([(record, 0.5, 1) for record in records])
    return window


def reference_of(frame, features=FEATURES):
    return FeatureStats.model_validate(feature_stats(frame, features))


def drifted(frame, **config):
    window = window_of(reference_of(rows(5_000)), frame)
    return [c.column for c in compare(window, Drift(**config)) if c.drifted]


def test_rows_of_the_same_kind_do_not_drift():
    assert drifted(rows(1_000, seed=1)) == []


def test_a_shifted_number_drifts_and_no_other_column_does():
    assert drifted(rows(1_000, seed=1, shift=8)) == ["bill.mean"]


def test_a_column_may_have_a_limit_of_its_own():
    assert drifted(rows(1_000, seed=1, shift=8), psi_limits={"bill.mean": 2.0}) == []


def test_in_few_rows_chance_explains_more_than_the_limit():
    (column,) = [
        c for c in compare(window_of(reference_of(rows(5_000)), rows(30, seed=1)), Drift()) if "mean" in c.column
    ]
    assert column.chance > 0.5
    assert column.limit == column.chance


def test_columns_are_ranked_by_how_many_limits_they_moved():
    frame = rows(1_000, seed=1, shift=8).assign(**{"Calls <i>": 40.0})
    ranked = compare(window_of(reference_of(rows(5_000)), frame), Drift(psi_limits={"Calls <i>": 1000.0}))
    assert ranked[0].column == "bill.mean"
    assert [c.ratio for c in ranked] == sorted((c.ratio for c in ranked), reverse=True)


def test_means_and_deviations_are_those_of_the_present_values():
    training, frame = rows(5_000), rows(12_345, seed=1)
    frame.loc[::7, "bill.mean"] = None
    window = Window(reference_of(training))
    for part in np.array_split(np.arange(len(frame)), 4):
        records = frame.iloc[part].astype(object).where(frame.iloc[part].notna(), None).to_dict("records")
        window.add([(record, 0.5, 1) for record in records])
    column = next(c for c in compare(window, Drift()) if c.column == "bill.mean")
    figures = (column.reference_mean, column.reference_std, column.window_mean, column.window_std)
    values = frame["bill.mean"]
    expected = (training["bill.mean"].mean(), training["bill.mean"].std(), values.mean(), values.std())
    assert figures == pytest.approx(expected)
    assert window.rows == 12_345


def test_a_feature_that_an_input_does_not_name_is_null():
    window = Window(reference_of(rows(100)))
    window.add([({}, 0.5, 0), ({"Plan A": "x", "more": 1}, 0.5, 0)])
    assert window.counts["bill.mean"][-1] == 2
    assert window.counts["Plan A"].tolist() == [1, 0, 0, 0, 1]


def last_fifth(real_data):
    features = load_use_case(REPOSITORY / "data", real_data_use_case()).model_features
    frame = pd.read_csv(real_data, sep=";")
    cut = int(0.8 * len(frame))
    return features, frame.iloc[:cut], frame.iloc[cut:]


def real_data_use_case():
    return next(path.parent.name for path in (REPOSITORY / "data").glob("*/contract.yaml"))


def test_psi_of_the_real_file_is_near_the_figures_measured_before(real_data):
    features, first, last = last_fifth(real_data)
    columns = compare(window_of(reference_of(first, features), last), Drift())
    psi = {c.column: c.value for c in columns}
    measured = {"month": 1.11, "poutcome": 0.97, "contact": 0.96, "previous": 0.81, "pdays": 0.74}
    measured |= {"day": 0.58, "job": 0.17, "age": 0.16, "campaign": 0.10}
    # Bins and the share that stands for an empty bin differ from those of the first measurement.
    assert psi == pytest.approx({**psi, **measured}, rel=0.15, abs=0.02)
    assert max(value for name, value in psi.items() if name not in measured) < 0.08
    assert {c.column for c in columns if c.drifted} == {"month", "poutcome", "contact", "previous", "pdays", "day"}


def test_random_rows_of_the_real_training_data_do_not_drift(real_data):
    features, first, _ = last_fifth(real_data)
    sample = first.sample(10_000, random_state=3)
    assert not [c for c in compare(window_of(reference_of(first, features), sample), ALONE) if c.drifted]
