"""D1 to D4: drift on windows that are empty, broken or new, before there is a model, and that does not end."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from ml import drift
from ml.contract import Column
from ml.errors import NoProductionModel
from ml.model_config import Drift
from ml.monitoring.column_drift import TOGETHER, compare
from ml.monitoring.feature_stats import FeatureStats
from ml.monitoring.summary import Summary
from tests.ml.drift_cases import CONTRACT, END, INSIDE, START, log_inferences, make_use_case, remember_training, rows

FEATURES = [Column(**column) for column in CONTRACT["columns"][:3]]
NUMBER, COUNT, PLAN = (f.name for f in FEATURES)
TRIALS, DAY = 1_000, dt.timedelta(days=1)
ALONE = Drift(
    psi_limit=1e-9, ks_limit=1e-9, wasserstein_limit=1e-9, null_rate_limit=1e-9, new_categories_limit=1e-9,
    auc_limit=0.5 + 1e-9,
)  # fmt: skip
"""Leaves the decision to what chance explains."""


@pytest.fixture
def use_case(tmp_path, settings):
    made = make_use_case(tmp_path)
    remember_training(settings, made, "1", rows(5_000))
    return made


def check(settings, use_case):
    return drift.check_version(settings, use_case, "1", window_start=START, window_end=END)


def found(settings, use_case):
    drifted = check(settings, use_case).drifted
    return {c["column"]: c["value"] for c in drifted if c["column"] != TOGETHER}


@pytest.mark.parametrize("n_rows", [0, 1, 199])
def test_d1_an_empty_or_tiny_window_is_told_apart_and_starts_no_retraining(settings, use_case, n_rows):
    log_inferences(settings, use_case, "1", rows(n_rows, shift=100))
    result = check(settings, use_case)
    assert (result.state, result.n_rows, result.drifted, result.retrain) == ("insufficient_data", n_rows, [], False)
    assert "at least 200 are needed" in drift.describe(result)


def test_d2_a_column_of_nulls_is_found_with_a_finite_figure(settings, use_case):
    frame = rows(500, seed=1).assign(**{NUMBER: np.nan, PLAN: None})
    log_inferences(settings, use_case, "1", frame)
    values = found(settings, use_case)
    assert set(values) == {NUMBER, PLAN}
    assert all(5 < value < 20 for value in values.values())


def test_d2_a_column_that_stands_still_is_found_with_a_finite_figure(settings, use_case):
    log_inferences(settings, use_case, "1", rows(500, seed=1).assign(**{NUMBER: 50.0, PLAN: "y"}))
    values = found(settings, use_case)
    assert set(values) == {NUMBER, PLAN}
    assert all(1 < value < 20 for value in values.values())


def test_d2_a_category_that_the_contract_does_not_name_is_found(settings, use_case):
    frame = rows(500, seed=1)
    frame.loc[::10, PLAN] = "new"
    log_inferences(settings, use_case, "1", frame)
    assert set(found(settings, use_case)) == {PLAN}


def test_d2_a_column_that_was_constant_or_null_in_training_can_be_compared(settings, use_case):
    training = rows(5_000).assign(**{NUMBER: np.nan, COUNT: 7.0})
    remember_training(settings, use_case, "2", training)
    log_inferences(settings, use_case, "2", training.head(500), at=INSIDE)
    same = drift.check_version(settings, use_case, "2", window_start=START, window_end=END)
    assert same.state == "ok"
    later = INSIDE + dt.timedelta(days=30)
    log_inferences(settings, use_case, "2", rows(500).assign(**{COUNT: 8.0}), at=later)
    moved = drift.check_version(settings, use_case, "2", window_start=END, window_end=later + dt.timedelta(days=1))
    assert {c["column"] for c in moved.drifted} - {TOGETHER} == {NUMBER, COUNT}


@pytest.mark.fault
@pytest.mark.parametrize("n_rows", [200, 2_000])
def test_d2_false_alarms_of_columns_stay_within_their_stated_rate(n_rows):
    assert false_alarms(reference().model_copy(update={"sample": None}), n_rows) <= ALONE.false_alarm_rate * TRIALS


@pytest.mark.fault
@pytest.mark.timeout(1800)
def test_d2_false_alarms_of_whole_checks_stay_within_their_stated_rate():
    assert false_alarms(reference(), 300) <= ALONE.false_alarm_rate * TRIALS


def false_alarms(training, n_rows):
    """Of windows like the training data, by chance alone: with limits as by default there are no more."""
    windows = (Summary.of(wide_rows(n_rows, seed=[n_rows, trial]), training) for trial in range(TRIALS))
    alarms = sum(any(c.drifted for c in compare(training, w, ALONE)) for w in windows)
    print(f"D2: {alarms} false alarms in {TRIALS} windows of {n_rows} rows; stated: {ALONE.false_alarm_rate:.0%}")
    return alarms


def test_d2_injected_drift_is_found_in_nearly_every_window():
    training = reference()
    alarms = 0
    for seed in range(50):
        window = Summary.of(wide_rows(400, seed=seed + 1, shift=0.8), training)
        alarms += "n0" in [c.column for c in compare(training, window, Drift()) if c.drifted]
    assert alarms >= 49


def reference():
    """Twelve columns of which some are rare in places: point masses, a long tail, categories of under 1 %."""
    features = [Column(name=f"n{i}", type="number", meaning="") for i in range(8)]
    features += [Column(name=f"c{i}", type="category", categories=list("abcdefghij"), meaning="") for i in range(4)]
    return FeatureStats.of(wide_rows(20_000, seed=0), features)


def wide_rows(n, seed, shift=0.0):
    rng = np.random.default_rng(seed)
    numbers = {f"n{i}": rng.normal(size=n) for i in range(4)}
    masses = {f"n{i}": np.where(rng.random(n) < 0.8, -1, rng.geometric(0.3, size=n)).astype(float) for i in range(4, 8)}
    tail = 0.5 ** np.arange(1, 11)
    categories = {f"c{i}": rng.choice(list("abcdefghij"), p=tail / tail.sum(), size=n) for i in range(4)}
    frame = pd.DataFrame(numbers | masses | categories)
    frame["n0"] += shift
    return frame


def test_d3_without_a_production_model_the_check_raises_what_the_dag_skips_on(mlflow_settings, tmp_path):
    with pytest.raises(NoProductionModel, match="no production version"):
        drift.check(mlflow_settings, make_use_case(tmp_path), window_start=START, window_end=END)


def test_d4_drift_ten_days_in_a_row_fails_each_day_and_retrains_once_in_a_cooldown(settings, use_case, tmp_path):
    settings, started = settings.model_copy(update={"use_cases_dir": tmp_path}), []
    for day in range(10):
        start = START + day * DAY
        log_inferences(settings, use_case, "1", rows(500, seed=day, shift=30), at=start)
        for _ in range(2):  # the second is the run repeated, or its trigger replayed
            result = drift.check_version(settings, use_case, "1", window_start=start, window_end=start + DAY)
            assert result.state == "drift"
            if result.retrain:
                started.append(day)
                drift.record_retraining(settings, result.report_id, f"drift_report_{result.report_id}")
    assert started == [0, 7]
