"""What a model was trained on, summed up as JSON."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from ml.contract import Column
from ml.monitoring.feature_stats import FeatureStats, feature_stats, readable

NUMBER = Column(name="bill.mean", type="number", meaning="Bill", nulls="allowed")
CATEGORY = Column(name="Plan A", type="category", categories=["x", "other", "y"], meaning="Plan", nulls="allowed")


def number(values):
    return feature_stats(pd.DataFrame({NUMBER.name: values}), [NUMBER])["columns"][NUMBER.name]


def category(values):
    return feature_stats(pd.DataFrame({CATEGORY.name: values}), [CATEGORY])["columns"][CATEGORY.name]


def test_a_number_has_what_describe_says_of_it():
    values = pd.Series([1.0, 2.0, 3.0, 10.0, None])
    stats = number(values)
    expected = values.describe().to_dict()
    assert {name: stats[name] for name in expected} == expected
    assert stats["nulls"] == 1


def test_a_number_is_cut_into_tenths_of_the_rows():
    stats = number(np.arange(1.0, 101.0))
    assert stats["edges"] == [10, 20, 30, 40, 50, 60, 70, 80, 90]
    assert stats["points"] == []
    assert stats["counts"] == [10] * 10


def test_a_value_of_more_than_a_tenth_of_the_rows_has_a_bin_of_its_own():
    values = np.concatenate([np.full(50, -1.0), np.arange(1.0, 51.0)])
    stats = number(values)
    assert stats["points"] == [-1]
    assert stats["edges"] == [10, 20, 30, 40]
    assert stats["counts"] == [0, 50, 10, 10, 10, 10, 10]


def test_a_point_mass_inside_the_range_parts_its_neighbours():
    values = np.concatenate([np.full(80, 5.0), np.arange(-5.0, 5.0), np.arange(10.0, 20.0)])
    column = FeatureStats.model_validate(feature_stats(pd.DataFrame({NUMBER.name: values}), [NUMBER])).columns
    assert dict(zip(column[NUMBER.name].bins, column[NUMBER.name].summary.histogram, strict=True)) == {
        "≤ 4": 10, "4 to 5": 0, "= 5": 80, "> 5": 10, "null": 0
    }  # fmt: skip


def test_a_constant_column_is_one_point_mass():
    stats = number([7.0] * 30)
    assert (stats["points"], stats["edges"], stats["counts"]) == ([7], [], [0, 30, 0])


def test_a_column_without_values_has_nulls_only():
    stats = number([None, np.nan, np.inf])
    assert (stats["count"], stats["nulls"], stats["mean"], stats["50%"]) == (0, 3, None, None)
    assert stats["counts"] == [0]


def test_one_value_has_no_standard_deviation():
    assert number([3.0])["std"] is None


def test_a_frame_without_rows_can_be_summed_up():
    assert number(np.array([], dtype=float))["counts"] == [0]
    assert category([])["counts"] == [0, 0, 0]


def test_categories_are_counted_in_the_contracts_order_with_others_and_nulls_apart():
    stats = category(["y", "x", "y", "z", "other", None, "", np.nan])
    assert stats == {
        "kind": "category", "categories": ["x", "other", "y"], "counts": [1, 1, 2], "other": 1, "nulls": 3, "count": 5
    }  # fmt: skip


def test_a_category_coded_as_a_number_is_found_by_its_text():
    column = Column(name="flag", type="category", categories=[0, 1], meaning="Flag")
    assert feature_stats(pd.DataFrame({"flag": ["1", "0", "1"]}), [column])["columns"]["flag"]["counts"] == [1, 2]
    assert feature_stats(pd.DataFrame({"flag": [1, 0, 1]}), [column])["columns"]["flag"]["counts"] == [1, 2]


def test_the_statistics_survive_json_and_count_the_same_rows_the_same():
    frame = pd.DataFrame({NUMBER.name: np.random.default_rng(1).normal(size=500).round(1), CATEGORY.name: ["x"] * 500})
    stored = json.loads(json.dumps(feature_stats(frame, [NUMBER, CATEGORY])))
    stats = FeatureStats.model_validate(stored)
    assert (stats.format, stats.rows) == (1, 500)
    for name, column in stats.columns.items():
        assert column.count_values(frame[name].tolist()).histogram.tolist() == column.summary.histogram.tolist()


def test_what_is_no_number_counts_as_null():
    column = FeatureStats.model_validate(feature_stats(pd.DataFrame({NUMBER.name: [1.0, 1.0]}), [NUMBER])).columns
    assert column[NUMBER.name].count_values([1, "1", "'; DROP TABLE", None, True]).histogram.tolist() == [0, 3, 0, 2]


def test_a_missing_column_is_named():
    with pytest.raises(KeyError, match=r"bill\.mean"):
        feature_stats(pd.DataFrame({"a": [1]}), [NUMBER])


def test_a_number_of_few_values_is_kept_value_by_value():
    sketch = number([3.0, 1.0, 3.0, None])["sketch"]
    assert sketch == {"grid": [1, 3], "at": [1, 2], "between": [], "excess": []}


def test_answers_labels_and_a_sample_of_rows_are_kept_where_they_are_given():
    frame = pd.DataFrame({NUMBER.name: [1.0, None, 2.0], CATEGORY.name: ["x", "new", ""]})
    stored = feature_stats(frame, [NUMBER, CATEGORY], probabilities=[0.1, 0.7], labels=[0, 1, 0])
    stats = FeatureStats.model_validate(json.loads(json.dumps(stored)))
    assert stats.prediction.mean == pytest.approx(0.4)
    assert dict(zip(stats.label.categories, stats.label.counts, strict=True)) == {"0": 2, "1": 1}
    assert stats.sample.features == (NUMBER.name, CATEGORY.name)
    assert sorted(stats.sample.rows, key=str) == [(1, 0), (2, None), (None, 3)]


def test_statistics_of_before_there_were_sketches_are_read():
    older = feature_stats(pd.DataFrame({NUMBER.name: np.arange(50.0)}), [NUMBER])
    del older["prediction"], older["label"], older["sample"], older["columns"][NUMBER.name]["sketch"]
    stats = FeatureStats.model_validate(older)
    assert stats.columns[NUMBER.name].count_values(np.arange(50.0)).histogram.tolist() == [5] * 10 + [0]


def test_people_are_not_shown_what_only_a_computer_reads():
    stored = feature_stats(pd.DataFrame({NUMBER.name: np.arange(50.0)}), [NUMBER], probabilities=[0.5])
    shown = readable(stored)
    assert (shown["rows"], shown["columns"][NUMBER.name]["mean"], shown["prediction"]["mean"]) == (50, 24.5, 0.5)
    assert "sketch" not in json.dumps(shown)
    assert "sample" not in shown
