"""The form that starts a training."""

from __future__ import annotations

import shutil

import pytest
from airflow.sdk.exceptions import ParamValidationError
from train_form import train_form

from ml.use_case import UseCase, load_use_case
from tests.dags.airflow_home import REPOSITORY


@pytest.fixture
def bank():
    return train_form(load_use_case(REPOSITORY / "data", "bank_marketing"))


@pytest.fixture
def churn():
    return train_form(load_use_case(REPOSITORY / "tests" / "use_cases", "customer_churn"))


def test_the_fields_are_filled_in_as_configured(bank):
    assert {name: field.resolve() for name, field in bank.items()} == {
        "metric": "roc_auc",
        "candidates": list(load_use_case(REPOSITORY / "data", "bank_marketing").config.candidates),
        "model_name": "bank-model",
        "trials": 10,
        "seconds": 40,
        "late_features": [],
    }


def test_the_metric_is_chosen_from_a_list(bank):
    assert bank["metric"].schema["enum"] == ["roc_auc", "f1", "average_precision"]


def test_candidates_are_chosen_from_those_configured_and_named_with_their_estimator(churn):
    field = churn["candidates"]

    assert field.schema["examples"] == field.schema["items"]["enum"] == ["linear", "boosting"]
    assert field.schema["values_display"]["linear"] == "linear (LogisticRegression)"


def test_features_known_too_late_can_be_let_in_by_name(bank):
    field = bank["late_features"]

    assert field.resolve(["duration"]) == ["duration"]
    assert field.schema["title"] == "With duration"
    assert "known only when the call is over" in field.schema["values_display"]["duration"]


def test_without_such_features_there_is_no_field_for_them(tmp_path):
    folder = tmp_path / "bank_marketing"
    shutil.copytree(REPOSITORY / "data" / "bank_marketing", folder, ignore=shutil.ignore_patterns("landing"))
    contract = (folder / "contract.yaml").read_text()
    assert contract.count("    known_at_prediction: false\n    example") == 1
    (folder / "contract.yaml").write_text(
        contract.replace("    known_at_prediction: false\n    example", "    example")
    )

    assert set(train_form(UseCase(folder))) == {"metric", "candidates", "model_name", "trials", "seconds"}


@pytest.mark.parametrize("name", ["candidates", "late_features"])
def test_an_emptied_choice_which_the_form_sends_as_null_is_accepted(bank, name):
    assert bank[name].resolve(None) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("metric", "accuracy"),
        ("metric", None),
        ("candidates", ["xgboost"]),
        ("candidates", ["random_forest", "random_forest"]),
        ("late_features", ["age"]),
        ("model_name", ""),
        ("model_name", "../elsewhere"),
        ("trials", -1),
        ("trials", 2.5),
        ("seconds", 0),
    ],
)
def test_what_cannot_be_trained_is_refused_before_the_run_starts(bank, name, value):
    with pytest.raises(ParamValidationError):
        bank[name].resolve(value)
