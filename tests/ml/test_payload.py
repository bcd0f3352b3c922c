"""How the input of a prediction request is read by the contract."""

import json
from pathlib import Path

import pytest

from ml.contract import Contract
from ml.errors import FieldProblem, InvalidInput
from ml.payload import PayloadParser

SHOP = Contract.model_validate(
    {
        "use_case": "shop",
        "title": "Shop",
        "description": "For tests",
        "columns": [
            {"name": "client age", "type": "integer", "range": [18, 99], "unit": "years", "meaning": "Age"},
            {"name": "spend.eur", "type": "number", "range": [0, None], "meaning": "Spend", "nulls": "allowed"},
            {"name": "plan", "type": "category", "categories": ["pro+", "basic", "team x"], "meaning": "Tariff"},
            {"name": "stars", "type": "category", "categories": [1, 2, 3], "meaning": "Rating", "nulls": "allowed"},
            {"name": "plan_basic", "type": "number", "meaning": "Named like a flag", "nulls": "allowed"},
            {"name": "survey", "type": "integer", "meaning": "Late", "known_at_prediction": False},
            {
                "name": "mood",
                "type": "category",
                "categories": ["a", "b"],
                "meaning": "L",
                "known_at_prediction": False,
            },
            {"name": "left", "type": "integer", "role": "target", "categories": [0, 1], "positive": 1, "meaning": "T"},
        ],
    }
)
GOOD = {"client age": 40, "spend.eur": 1.5, "plan": "pro+", "stars": 2, "plan_basic": None}


@pytest.fixture
def parser():
    return PayloadParser(SHOP, [c.name for c in SHOP.model_features()])


def problems(parser, **changed):
    with pytest.raises(InvalidInput) as caught:
        parser.parse({**GOOD, **changed})
    return list(caught.value.problems)


def test_raw_fields_come_back_in_the_models_order_with_categories_as_labels(parser):
    parsed = parser.parse(dict(reversed(GOOD.items())))
    assert list(parsed.values.items()) == [
        ("client age", 40), ("spend.eur", 1.5), ("plan", "pro+"), ("stars", "2"), ("plan_basic", None)
    ]  # fmt: skip
    assert parsed.warnings == []


def test_a_field_that_may_be_null_can_be_left_out_and_that_is_said(parser):
    parsed = parser.parse({"client age": 40, "plan": "basic"})
    assert parsed.values == {"client age": 40, "spend.eur": None, "plan": "basic", "stars": None, "plan_basic": None}
    assert parsed.warnings == [f'"{n}" is missing: taken as null' for n in ("spend.eur", "stars", "plan_basic")]


def test_late_target_and_unknown_fields_are_ignored_with_a_warning(parser):
    parsed = parser.parse({**GOOD, "survey": "any", "left": 1, "mood_b": True, "'; DROP TABLE x": float("nan")})
    assert parsed.values == parser.parse(GOOD).values
    assert parsed.warnings == [
        '"survey" is not used by this model: ignored',
        '"left" is not used by this model: ignored',
        '"mood_b" is not used by this model: ignored',
        '"\'; DROP TABLE x" is no field of the contract: ignored',
    ]


def test_a_flood_of_unknown_fields_is_summed_up(parser):
    warnings = parser.parse({**GOOD, **{f"x{i:03}\0": 1 for i in range(120)}}).warnings
    assert len(warnings) == 21
    assert warnings[0] == '"x000\\u0000" is no field of the contract: ignored'
    assert warnings[-1] == "100 more fields: ignored"


def test_each_problem_of_a_payload_is_named_at_once(parser):
    assert problems(parser, **{"client age": "40", "plan": "gold"}) == [
        FieldProblem("client age", 'must be a whole number from 18 to 99 (years); got "40"'),
        FieldProblem("plan", 'must be one of "pro+", "basic", "team x"; got "gold"'),
    ]


def test_a_missing_field_is_named_with_what_it_may_hold_and_means(parser):
    with pytest.raises(InvalidInput) as caught:
        parser.parse({k: v for k, v in GOOD.items() if k != "client age"})
    assert caught.value.problems == (
        FieldProblem("client age", "is missing; must be a whole number from 18 to 99 (years). Age"),
    )


@pytest.mark.parametrize(
    "value", [True, "40", 17, 100, 40.5, None, float("nan"), float("inf"), [40], {"a": 1}, 10**400, 1e400]
)
def test_an_integer_takes_whole_numbers_in_range_only(parser, value):
    assert [p.field for p in problems(parser, **{"client age": value})] == ["client age"]


def test_an_integer_may_be_written_as_a_float(parser):
    assert repr(parser.parse({**GOOD, "client age": 40.0}).values["client age"]) == "40"


@pytest.mark.parametrize("value", [False, "1", -0.1, float("nan"), float("-inf"), 1e39, 10**4000])
def test_a_number_is_finite_within_its_range_and_what_the_model_can_hold(parser, value):
    assert [p.field for p in problems(parser, **{"spend.eur": value})] == ["spend.eur"]


@pytest.mark.parametrize("value", ["1", True, 4, 1.5, [], {}])
def test_a_category_written_as_a_number_takes_neither_text_nor_booleans(parser, value):
    assert problems(parser, stars=value)[0].message.startswith("must be one of 1, 2, 3 or null; got ")


def test_a_category_that_may_be_null_takes_null_and_another_does_not(parser):
    assert parser.parse({**GOOD, "stars": None}).values["stars"] is None
    assert problems(parser, plan=None) == [
        FieldProblem("plan", 'must be one of "pro+", "basic", "team x"; got null')
    ]  # fmt: skip


def one_hot(**flags):
    return {**{k: v for k, v in GOOD.items() if k not in ("plan", "stars")}, "stars": 1, **flags}


@pytest.mark.parametrize("true", [True, 1])
def test_one_true_flag_settles_the_category(parser, true):
    assert parser.parse(one_hot(**{"plan_pro+": true})).values["plan"] == "pro+"


def test_no_true_flag_means_the_first_category_in_sorted_order(parser):
    assert parser.parse(one_hot(**{"plan_pro+": False, "plan_team x": 0})).values["plan"] == "basic"


def test_flags_of_a_numeric_category_give_its_label(parser):
    payload = {k: v for k, v in GOOD.items() if k != "stars"}
    assert parser.parse({**payload, "stars_2": False, "stars_3": True}).values["stars"] == "3"


def test_with_no_true_flag_each_missing_flag_is_named(parser):
    with pytest.raises(InvalidInput) as caught:
        parser.parse(one_hot(**{"plan_pro+": False}))
    assert [p.field for p in caught.value.problems] == ["plan_team x"]


def test_all_flags_false_with_the_baselines_among_them_is_refused(parser):
    payload = {k: v for k, v in GOOD.items() if k != "stars"}
    with pytest.raises(InvalidInput, match="stars: none of its flags is true"):
        parser.parse({**payload, "stars_1": False, "stars_2": False, "stars_3": False})


def test_two_true_flags_are_refused(parser):
    with pytest.raises(InvalidInput, match=r"plan: only one of its flags may be true; plan_pro\+, plan_team x are"):
        parser.parse(one_hot(**{"plan_pro+": True, "plan_team x": True}))


def test_a_flag_is_a_boolean_or_0_and_1(parser):
    with pytest.raises(InvalidInput) as caught:
        parser.parse(one_hot(**{"plan_pro+": "true", "plan_team x": 2}))
    assert caught.value.problems == (
        FieldProblem("plan_pro+", 'must be true or false; got "true"'),
        FieldProblem("plan_team x", "must be true or false; got 2"),
    )


def test_a_column_given_both_ways_is_refused(parser):
    assert problems(parser, **{"plan_team x": False}) == [
        FieldProblem("plan", "is given twice: by its name and as plan_team x")
    ]  # fmt: skip


def test_a_column_named_like_a_flag_stays_a_column(parser):
    assert parser.parse({**GOOD, "plan_basic": 7}).values["plan_basic"] == 7


def test_the_public_cases_payload_reads_as_its_raw_twin():
    path = Path(__file__).parents[3] / "shared" / "data" / "public-case-payload.json"
    if not path.is_file():
        pytest.skip(f"not there: {path}")
    from ml.use_case import load_use_case

    contract = load_use_case(Path(__file__).parents[2] / "data", "bank_marketing").contract
    parser = PayloadParser(contract, [c.name for c in contract.features])
    payload = json.loads(path.read_text())["input"]
    assert len(payload) == 42
    raw = {
        "age": 40, "job": "blue-collar", "marital": "married", "education": "primary", "default": "no",
        "balance": 640, "housing": "yes", "loan": "yes", "contact": "unknown", "day": 8, "month": "may",
        "duration": 347, "campaign": 2, "pdays": -1, "previous": 0, "poutcome": "unknown",
    }  # fmt: skip
    assert parser.parse(payload) == parser.parse(raw)
