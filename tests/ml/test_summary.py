"""A window summed up in parts: the same as summed up at once, whatever the parts."""

from __future__ import annotations

from functools import reduce
from itertools import pairwise
from operator import add

import numpy as np
import pandas as pd
import pytest

from ml.contract import Column
from ml.monitoring.feature_stats import FeatureStats
from ml.monitoring.row_sample import SIZE, RowSample, keys_of
from ml.monitoring.summary import Summary
from tests.ml.drift_cases import CONTRACT, rows

FEATURES = [Column(**column) for column in CONTRACT["columns"][:3]]
REFERENCE = FeatureStats.of(rows(5_000), FEATURES, probabilities=np.linspace(0, 1, 101), labels=np.arange(5_000) % 2)


def frame():
    made = rows(7_001, seed=4, shift=3)
    made.loc[::9, "bill.mean"] = np.nan
    made.loc[::11, "Plan A"] = None
    made.loc[::13, "Plan A"] = "new"
    return made


def part_of(whole, start, stop):
    numbers = np.arange(start, stop)
    return Summary.of(
        whole.iloc[start:stop], REFERENCE, probabilities=numbers / len(whole), predictions=numbers % 2,
        labels=np.where(numbers % 3, np.nan, numbers % 2), keys=keys_of(start, stop - start),
    )  # fmt: skip


@pytest.mark.parametrize("cuts", [[0, 7_001], [0, 1, 3_000, 3_000, 7_001], [0, *range(500, 7_001, 500), 7_001]])
def test_parts_add_up_to_the_whole(cuts):
    whole = frame()
    expected = part_of(whole, 0, len(whole))
    found = reduce(add, [part_of(whole, *bounds) for bounds in pairwise(cuts)])
    assert found.rows == expected.rows
    for name, column in expected.columns.items():
        assert found.columns[name].histogram.tolist() == column.histogram.tolist()
    bill, expected_bill = found.columns["bill.mean"], expected.columns["bill.mean"]
    assert (bill.moments.mean, bill.moments.std) == pytest.approx(
        (expected_bill.moments.mean, expected_bill.moments.std)
    )
    assert found.columns["Plan A"].unknown == {"new": 539} == expected.columns["Plan A"].unknown
    assert found.answers.tenths.tolist() == expected.answers.tenths.tolist()
    assert found.answers.positives == expected.answers.positives == 3_500
    assert found.label.histogram.tolist() == expected.label.histogram.tolist()
    assert np.array_equal(found.sample.values, expected.sample.values, equal_nan=True)


def test_a_sample_holds_each_row_as_likely_as_any_other():
    numbers = pd.DataFrame({"n": np.arange(100_000.0)})
    codes = FeatureStats.of(numbers, [Column(name="n", type="number", meaning="")]).codes
    parts = (
        RowSample.of(numbers.iloc[start : start + 10_000], keys_of(start, 10_000), codes)
        for start in range(0, 100_000, 10_000)
    )
    drawn = reduce(add, parts).values[:, 0]
    assert len(drawn) == len(set(drawn)) == SIZE
    assert np.bincount((drawn // 10_000).astype(int)) == pytest.approx(np.full(10, SIZE / 10), abs=5 * np.sqrt(180))


def test_a_window_without_rows_can_be_summed_up():
    empty = part_of(frame(), 0, 0)
    assert (empty.rows, empty.answers.positives, empty.label.rows, len(empty.sample.keys)) == (0, 0, 0, 0)
    whole = part_of(frame(), 0, 100)
    assert (empty + whole).columns["bill.mean"].moments == whole.columns["bill.mean"].moments


def test_unknown_categories_are_kept_by_name_but_not_without_bound():
    texts = pd.DataFrame({"Plan A": [f"text {i} " + "x" * 100 for i in range(5_000)]})
    plan = Summary.of(texts, REFERENCE).columns["Plan A"]
    assert (plan.others, len(plan.unknown)) == (5_000, 20)
    assert max(map(len, plan.unknown)) == 40
