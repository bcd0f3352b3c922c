"""The Great Expectations suites of a contract.

Two, since a cell is looked at twice: ``cells`` as it is written (present, readable), ``values``
as its column's type (in range, of a known category). Each expectation says in its ``meta``
which column and rule of the contract it stands for.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")  # read when the package is imported

from great_expectations import ExpectationSuite
from great_expectations.expectations.core.expect_column_values_to_be_between import ExpectColumnValuesToBeBetween
from great_expectations.expectations.core.expect_column_values_to_be_in_set import ExpectColumnValuesToBeInSet
from great_expectations.expectations.core.expect_column_values_to_match_regex import ExpectColumnValuesToMatchRegex
from great_expectations.expectations.core.expect_column_values_to_match_strftime_format import (
    ExpectColumnValuesToMatchStrftimeFormat,
)
from great_expectations.expectations.core.expect_column_values_to_not_be_null import ExpectColumnValuesToNotBeNull
from great_expectations.expectations.expectation import Expectation

from ml.contract import Column, ColumnType, Contract
from ml.schema import EVENT_TIME
from ml.validation.cell_rules import PATTERNS, RuleName, accepted, limits


def cell_suite(contract: Contract) -> ExpectationSuite:
    """Expectations of the cells as written: not null where nulls are forbidden, readable as the column's type."""
    suite = ExpectationSuite(name=f"{contract.use_case}.cells")
    for column in contract.columns:
        for rule, expectation in _of_cells(column):
            suite.add_expectation(_labelled(expectation, column.name, rule))
    if contract.event_time:
        present = ExpectColumnValuesToNotBeNull(column=EVENT_TIME)
        suite.add_expectation(_labelled(present, contract.event_time.name, RuleName.EVENT_TIME))
    return suite


def value_suite(contract: Contract) -> ExpectationSuite:
    """Expectations of the values that could be read: in range, of a known category. Nulls are not judged."""
    suite = ExpectationSuite(name=f"{contract.use_case}.values")
    for column in contract.columns:
        for rule, expectation in _of_values(column):
            suite.add_expectation(_labelled(expectation, column.name, rule))
    return suite


def _of_cells(column: Column) -> Iterator[tuple[RuleName, Expectation]]:
    if column.nulls == "forbidden":
        yield RuleName.NULLS, ExpectColumnValuesToNotBeNull(column=column.name)
    if column.type in PATTERNS:
        regex = rf"\A(?:{PATTERNS[column.type]})\Z"
        yield RuleName.TYPE, ExpectColumnValuesToMatchRegex(column=column.name, regex=regex)
    if column.type is ColumnType.DATE:
        yield RuleName.TYPE, ExpectColumnValuesToMatchStrftimeFormat(column=column.name, strftime_format="%Y-%m-%d")


def _of_values(column: Column) -> Iterator[tuple[RuleName, Expectation]]:
    if bounds := limits(column):
        low, high = bounds
        yield RuleName.RANGE, ExpectColumnValuesToBeBetween(column=column.name, min_value=low, max_value=high)
    if known := accepted(column):
        yield RuleName.CATEGORIES, ExpectColumnValuesToBeInSet(column=column.name, value_set=known)


def _labelled(expectation: Expectation, column: str, rule: RuleName) -> Expectation:
    expectation.meta = {"column": column, "rule": rule.value}
    return expectation
