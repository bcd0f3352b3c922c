"""The expectations that follow from a contract, and what they find."""

import pandas as pd
import pytest

from ml.contract import Column, Contract
from ml.validation.contract_validator import ContractValidator, Reason
from ml.validation.expectations import cell_suite, value_suite

TARGET = {
    "name": "paid",
    "type": "category",
    "role": "target",
    "categories": ["no", "yes"],
    "positive": "yes",
    "meaning": "",
}
NULL = "expect_column_values_to_not_be_null"
REGEX = "expect_column_values_to_match_regex"
DATE = "expect_column_values_to_match_strftime_format"
RANGE = "expect_column_values_to_be_between"
SET = "expect_column_values_to_be_in_set"


def contract(*columns, **options):
    return Contract(
        use_case="x", title="", description="", columns=[*(Column(**c, meaning="") for c in columns), TARGET], **options
    )


def found(suite):
    return [(e.expectation_type, e.meta["column"], e.meta["rule"]) for e in suite.expectations]


@pytest.mark.parametrize(
    ("column", "cells", "values"),
    [
        ({"type": "integer"}, [(NULL, "nulls"), (REGEX, "type")], []),
        ({"type": "integer", "nulls": "allowed", "range": (0, None)}, [(REGEX, "type")], [(RANGE, "range")]),
        ({"type": "integer", "categories": [1, 2]}, [(NULL, "nulls"), (REGEX, "type")], [(SET, "categories")]),
        ({"type": "number"}, [(NULL, "nulls"), (REGEX, "type")], [(RANGE, "range")]),
        ({"type": "category", "categories": ["a"]}, [(NULL, "nulls")], [(SET, "categories")]),
        ({"type": "text", "role": "key"}, [(NULL, "nulls")], []),
        ({"type": "text", "role": "key", "nulls": "allowed"}, [], []),
        ({"type": "date", "role": "key"}, [(NULL, "nulls"), (REGEX, "type"), (DATE, "type")], []),
    ],
)
def test_each_column_has_the_expectations_of_its_rules(column, cells, values):
    made = contract({"name": "a.b c", **column}, {"name": "f", "type": "integer", "nulls": "allowed"})
    of_column = [
        [(kind, rule) for kind, name, rule in found(suite) if name == "a.b c"]
        for suite in (cell_suite(made), value_suite(made))
    ]
    assert of_column == [cells, values]


def test_a_contract_with_an_event_time_expects_one_in_each_row():
    derive = {"month": "m", "day": "d", "start": "2024-01-01", "until": "2024-12-31"}
    event_time = {"name": "day", "meaning": "", "derive": derive}
    columns = [{"name": "m", "type": "category", "categories": ["jan"]}, {"name": "d", "type": "integer"}]
    made = contract(*columns, event_time=event_time)
    assert found(cell_suite(made))[-1] == (NULL, "day", "event_time")
    reasons = ContractValidator(made).judge(
        pd.DataFrame(
            {"m": ["jan", "jan"], "d": ["1", "1"], "paid": "no", "_event_time": ["2024-01-01", None]}, dtype="str"
        )
    )
    assert reasons == {1: [Reason("day", "event_time", None)]}


def test_tallies_add_up_over_frames_and_keep_the_first_five_different_examples():
    validator = ContractValidator(contract({"name": "kind", "type": "category", "categories": ["a"]}))
    for cells in (["a", "b", "b", None], ["c", "d", "e", "f", "g"], ["b", "y" * 300]):
        validator.judge(pd.DataFrame({"kind": cells, "paid": "no", "_event_time": None}, dtype="str"))
    by_rule = {(t.column, t.rule): t for t in validator.tallies}
    kind, nulls = by_rule["kind", "categories"], by_rule["kind", "nulls"]
    assert (kind.evaluated, kind.unexpected, kind.examples) == (10, 9, ["b", "c", "d", "e", "f"])
    assert (nulls.evaluated, nulls.unexpected, nulls.examples) == (11, 1, [None])
    assert validator.broken == {("kind", "categories"): 9, ("kind", "nulls"): 1}
    assert by_rule["paid", "categories"].unexpected == 0


def test_a_row_that_breaks_one_rule_twice_is_counted_once():
    validator = ContractValidator(
        contract({"name": "day", "type": "date", "role": "key"}, {"name": "f", "type": "integer"})
    )
    reasons = validator.judge(
        pd.DataFrame({"day": ["soon"], "f": ["1"], "paid": "no", "_event_time": None}, dtype="str")
    )
    assert reasons == {0: [Reason("day", "type", "soon")]}
    assert validator.broken == {("day", "type"): 1}


def test_an_expectation_that_cannot_be_evaluated_is_no_verdict():
    made = contract({"name": "n", "type": "integer", "range": (0, 5)}, event_time={"name": "n", "meaning": ""})
    frame = pd.DataFrame({"n": ["1"], "paid": ["no"]}, dtype="str")
    with pytest.raises(RuntimeError, match="expect_column_values_to_not_be_null could not be evaluated"):
        ContractValidator(made).judge(frame)
