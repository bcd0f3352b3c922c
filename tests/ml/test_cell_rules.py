"""What a cell may hold: one verdict, whoever asks."""

import datetime as dt

import pandas as pd
import psycopg2
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from ml.contract import Column, Contract
from ml.errors import InvalidInput
from ml.field_value import field
from ml.validation.cell_rules import LARGEST_NUMBER, broken_cells, limits, read_cells
from ml.validation.contract_validator import ContractValidator

COLUMNS = [
    Column(name="whole", type="integer", meaning="", range=(0, 100)),
    Column(name="open", type="integer", meaning="", range=(None, 5), nulls="allowed"),
    Column(name="any", type="integer", meaning="", nulls="allowed"),
    Column(name="one.of", type="integer", meaning="", categories=[1, 2, 30]),
    Column(name="number", type="number", meaning=""),
    Column(name="half open", type="number", meaning="", range=(0, None), nulls="allowed"),
    Column(name="share", type="number", meaning="", range=(-0.5, 0.5)),
    Column(name="kind", type="category", meaning="", categories=["a", "b+", "", "1", True]),
    Column(name="may be", type="category", meaning="", categories=[1, 2], nulls="allowed"),
    Column(name="day", type="date", meaning="", role="key"),
    Column(name="day or none", type="date", meaning="", role="key", nulls="allowed"),
    Column(name="text", type="text", meaning="", role="key"),
    Column(name="text or none", type="text", meaning="", role="key", nulls="allowed"),
    Column(name="paid", type="integer", role="target", categories=[0, 1], positive=1, meaning=""),
]
CONTRACT = Contract(use_case="cells", title="", description="", columns=COLUMNS)
BY_NAME = {c.name: c for c in COLUMNS}

ODD = [
    None, "", " ", "1\n", "\n1", "1 ", " 1", "١", "²", "1_0", "0x1", "1,5", "1.", ".5", ".", "-", "+", "+5", "-0",
    "5.0", "1e3", "1e-99", "1e99", "1e100", "1E+38", "3.4028234e38", "3.4028235e38", "-3.5e38", "nan", "NaN", "NA",
    "null", "None", "inf", "-inf", "1" * 18, "1" * 19, "0" * 30 + "7", "101", "100", "-1", "-0.5", "0.5", "0.50001",
    "2", "30", "a", "A", "b+", "True", "true", "2024-02-29", "2023-02-29", "2024-2-9", "2024-02-29 ", "1000-01-01",
    "0999-01-01", "2999-12-31", "3000-01-01", "2024-13-01", "2024-02-29T00:00:00", "=1+1", "\u202e", "a\0b",
]  # fmt: skip
cells = st.one_of(
    st.sampled_from(ODD),
    st.none(),
    st.from_regex(r"\A[+-]?[0-9]{0,3}\.?[0-9]{0,3}([eE][+-]?[0-9]{1,3})?\Z"),
    st.from_regex(r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}\Z"),
    st.integers(-120, 120).map(str),
    st.floats(-1, 1).map(repr),
    st.dates(dt.date(990, 1, 1), dt.date(3010, 1, 1)).map(str),
    st.text(max_size=5),
)


@pytest.fixture(scope="module")
def validator():
    return ContractValidator(CONTRACT)


def both(validator, texts):
    """The broken rules by row and column, as found by either evaluator."""
    frame = pd.DataFrame({c.name: texts for c in COLUMNS}, dtype="str").assign(_event_time=None)
    by_suites = {(at, r.column, r.rule) for at, found in validator.judge(frame).items() for r in found}
    by_rules = {
        (at, column.name, rule.value)
        for column in COLUMNS
        for rule, broken in broken_cells(frame[column.name], column)
        for at, is_broken in enumerate(broken)
        if is_broken
    }
    return by_suites, by_rules


def verdict(name, cell):
    found = broken_cells(pd.Series([cell], dtype="str"), BY_NAME[name])
    return [rule.value for rule, broken in found if broken[0]]


# Great Expectations takes as long for a cell as for hundreds: few examples, of many cells each.
@hypothesis(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(texts=st.lists(cells, min_size=100, max_size=150))
def test_both_evaluators_agree_on_any_cells(validator, texts):
    by_suites, by_rules = both(validator, texts)
    assert by_suites == by_rules


def test_both_evaluators_agree_on_the_odd_cells(validator):
    by_suites, by_rules = both(validator, ODD)
    assert by_suites == by_rules
    assert {rule for _, _, rule in by_rules} == {"nulls", "type", "range", "categories"}


VERDICTS = [
    ("whole", "0", []),
    ("whole", "100", []),
    ("whole", "+007", []),
    ("whole", "-0", []),
    ("whole", "101", ["range"]),
    ("whole", "-1", ["range"]),
    ("whole", "5.0", ["type"]),
    ("whole", "1e2", ["type"]),
    ("whole", " 5", ["type"]),
    ("whole", "5\n", ["type"]),
    ("whole", "١", ["type"]),
    ("whole", "", ["type"]),
    ("whole", None, ["nulls"]),
    ("open", None, []),
    ("open", "-999999999999999999", []),
    ("open", "6", ["range"]),
    ("any", "1" * 18, []),
    ("any", "1" * 19, ["type"]),
    ("one.of", "30", []),
    ("one.of", "030", []),
    ("one.of", "3", ["categories"]),
    ("number", "-1.5e-7", []),
    ("number", ".5", []),
    ("number", "5.", []),
    ("number", "3.4028234e38", []),
    ("number", "3.41e38", ["range"]),
    ("number", "NaN", ["type"]),
    ("number", "inf", ["type"]),
    ("number", "1,5", ["type"]),
    ("number", "1e100", ["type"]),
    ("half open", "1e38", []),
    ("half open", "1e39", ["range"]),
    ("half open", "-0.1", ["range"]),
    ("share", "0.5", []),
    ("share", "-0.51", ["range"]),
    ("kind", "a", []),
    ("kind", "", []),
    ("kind", "1", []),
    ("kind", "True", []),
    ("kind", "A", ["categories"]),
    ("kind", "a ", ["categories"]),
    ("kind", None, ["nulls"]),
    ("may be", None, []),
    ("may be", "2", []),
    ("may be", "2.0", ["categories"]),
    ("day", "2024-02-29", []),
    ("day", "1000-01-01", []),
    ("day", "2999-12-31", []),
    ("day", "2023-02-29", ["type"]),
    ("day", "2024-2-9", ["type"]),
    ("day", "0999-01-01", ["type"]),
    ("day", "2024-02-29T00:00", ["type"]),
    ("day", None, ["nulls"]),
    ("day or none", None, []),
    ("text", "", []),
    ("text", "=1+1", []),
    ("text", None, ["nulls"]),
    ("text or none", None, []),
]


@pytest.fixture(scope="module")
def judged(validator):
    """The broken rules by cell and column, as the validator finds them, of all cells in one go."""
    texts = list(dict.fromkeys(cell for _, cell, _ in VERDICTS))
    found = {}
    for at, column, rule in both(validator, texts)[0]:
        found.setdefault((texts[at], column), []).append(rule)
    return found


@pytest.mark.parametrize(("column", "cell", "rules"), VERDICTS)
def test_each_rule_has_its_verdict_in_both_evaluators(judged, column, cell, rules):
    assert verdict(column, cell) == rules
    assert sorted(judged.get((cell, column), [])) == rules


@hypothesis(max_examples=150, deadline=None)
@given(texts=st.lists(cells.filter(lambda t: t is None or "\0" not in t), min_size=1, max_size=20))
def test_postgres_reads_every_cell_that_keeps_the_contract_as_the_same_value(postgres, texts):
    connection = psycopg2.connect(postgres.url("postgres"))
    try:
        for name, kind in (("any", "bigint"), ("number", "double precision"), ("day or none", "date")):
            series = pd.Series(texts, dtype="str")
            broken = pd.concat([b for _, b in broken_cells(series, BY_NAME[name])], axis="columns").any(axis="columns")
            good = series[~broken].dropna()
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT array(SELECT unnest(%s::text[])::{kind})", (good.tolist(),))
                (found,) = cursor.fetchone()
            values = read_cells(good, BY_NAME[name]).tolist()
            assert [str(v) if kind == "date" else float(v) for v in found] == values
    finally:
        connection.close()


@pytest.mark.parametrize("name", ["whole", "open", "any", "one.of", "number", "half open", "share"])
@pytest.mark.parametrize("value", [0, 5, 6, 2, 30, 100, 101, -1, 0.5, 0.51, -0.5, 3.4e38, 3.5e38, 1e39, -1e39, None])
def test_a_number_is_judged_as_the_api_judges_it(name, value):
    try:
        field(BY_NAME[name]).read(value)
        accepted = True
    except InvalidInput:
        accepted = False
    assert (verdict(name, None if value is None else repr(value)) == []) == accepted


def test_an_open_end_of_a_number_is_what_a_model_can_hold():
    assert limits(BY_NAME["number"]) == (-LARGEST_NUMBER, LARGEST_NUMBER)
    assert limits(BY_NAME["half open"]) == (0, LARGEST_NUMBER)
    assert limits(BY_NAME["open"]) == (None, 5)
    assert limits(BY_NAME["any"]) is None
    assert limits(BY_NAME["kind"]) is None
    assert limits(Column(name="n", type="number", meaning="", range=(None, None))) == (-LARGEST_NUMBER, LARGEST_NUMBER)
