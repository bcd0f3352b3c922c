"""Exported models against the scikit-learn pipelines they were made of."""

import numpy as np
import pandas as pd
import pytest

from ml.contract import Column
from ml.model_config import Candidate
from ml.training.calibration import PiecewiseLinear, Sigmoid
from ml.training.candidates import build
from ml.training.ensemble import Ensemble, Member
from ml.training.onnx_export import TOLERANCE, ExportDiffers, Exported, check, export

FEATURES = tuple(
    Column.model_validate({"meaning": "?", **column})
    for column in (
        {"name": "calls.day", "type": "number", "nulls": "allowed"},
        {"name": "Age Years", "type": "integer"},
        {"name": "plan.type", "type": "category", "categories": ["basic", "family", "pro+"]},
        {"name": "région", "type": "category", "categories": ["north", "south", "öst"], "nulls": "allowed"},
        {"name": "f0", "type": "integer", "nulls": "allowed"},
    )
)
NUMBERS = tuple(f for f in FEATURES if f.is_numeric)
CATEGORIES = tuple(f for f in FEATURES if not f.is_numeric)

CANDIDATES = {
    "linear": ("LogisticRegression", {"max_iter": 500}),
    "linear, balanced": ("LogisticRegression", {"max_iter": 500, "class_weight": "balanced", "C": 0.1}),
    "forest": ("RandomForestClassifier", {"n_estimators": 50, "max_depth": 10, "random_state": 3}),
    "forest, deep": ("RandomForestClassifier", {"n_estimators": 20, "random_state": 3}),
    "random splits": ("ExtraTreesClassifier", {"n_estimators": 30, "min_samples_leaf": 3, "random_state": 3}),
    "boosting": ("HistGradientBoostingClassifier", {"random_state": 3, "max_iter": 40}),
    "leaves": ("LGBMClassifier", {"n_estimators": 40, "num_leaves": 15, "random_state": 3}),
    "leaves, drawn": (
        "LGBMClassifier",
        {"n_estimators": 30, "subsample": 0.7, "subsample_freq": 1, "colsample_bytree": 0.5, "random_state": 3},
    ),
    "boosting, one tree": ("HistGradientBoostingClassifier", {"random_state": 3, "max_iter": 1}),
}
EACH = pytest.mark.parametrize("name", CANDIDATES)


def _frame(rows: int, seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "calls.day": random.normal(scale=1000, size=rows).round(3),
            "Age Years": random.integers(18, 90, rows).astype(float),
            "plan.type": random.choice(["basic", "family", "pro+"], rows),
            "région": random.choice(["north", "south", "öst", None], rows),
            "f0": random.integers(-1, 900, rows).astype(float),
        }
    )
    frame.loc[random.random(rows) < 0.1, "calls.day"] = np.nan
    frame.loc[random.random(rows) < 0.5, "f0"] = np.nan
    return frame


def _labels(frame: pd.DataFrame) -> pd.Series:
    noise = np.random.default_rng(5).normal(size=len(frame))
    score = frame["calls.day"].fillna(0) / 1000 + (frame["plan.type"] == "basic") + (frame["région"] == "öst") + noise
    return (score > 0.8).astype("int64")


def _fitted(name: str, features=FEATURES):
    estimator, params = CANDIDATES[name]
    frame = _frame(800, seed=1)
    candidate = Candidate.model_validate({"estimator": estimator, "params": params})
    return Ensemble([Member(build(candidate, features).fit(frame[[f.name for f in features]], _labels(frame)))])


@pytest.fixture(scope="module")
def fitted() -> dict:
    return {name: _fitted(name) for name in CANDIDATES}


def _agrees(pipeline, exported: Exported, frame: pd.DataFrame) -> None:
    probabilities = pipeline.predict_proba(frame)[:, 1]
    # Between no two of them, so that no class can hang on the last digit.
    threshold = float(np.median(probabilities)) + 2 * TOLERANCE
    assert check(exported, frame, probabilities, threshold) <= TOLERANCE


@EACH
def test_the_exported_model_decides_as_the_fitted_one(fitted: dict, name: str) -> None:
    pipeline, frame = fitted[name], _frame(3000, seed=2)
    probabilities = pipeline.predict_proba(frame)[:, 1]
    assert check(export(pipeline, FEATURES), frame, probabilities, 0.5) <= TOLERANCE
    assert probabilities.min() < 0.5 <= probabilities.max() or name == "boosting, one tree"


@EACH
def test_nulls_are_read_as_the_fitted_model_reads_them(fitted: dict, name: str) -> None:
    frame = _frame(200, seed=4)
    frame[["calls.day", "f0"]] = np.nan
    frame["région"] = None
    frame["région"] = frame["région"].astype(object)
    _agrees(fitted[name], export(fitted[name], FEATURES), frame)


@EACH
def test_unknown_categories_are_none_of_the_known_ones(fitted: dict, name: str) -> None:
    frame = _frame(200, seed=4).assign(**{"plan.type": "business", "région": "NORTH"})
    _agrees(fitted[name], export(fitted[name], FEATURES), frame)


@EACH
@pytest.mark.parametrize("features", [NUMBERS, CATEGORIES, FEATURES[::-1]], ids=["numbers", "categories", "reversed"])
def test_numbers_only_categories_only_and_any_order_export(name: str, features) -> None:
    pipeline = _fitted(name, features)
    _agrees(pipeline, export(pipeline, features), _frame(300, seed=6)[[f.name for f in features]])


@EACH
def test_a_number_that_was_always_null_exports(name: str) -> None:
    estimator, params = CANDIDATES[name]
    frame = _frame(300, seed=1).assign(f0=np.nan)
    candidate = Candidate.model_validate({"estimator": estimator, "params": params})
    pipeline = Ensemble([Member(build(candidate, FEATURES).fit(frame, _labels(frame)))])
    _agrees(pipeline, export(pipeline, FEATURES), _frame(300, seed=6))


CURVES = {"sigmoid": Sigmoid(1.7, -0.4), "isotonic": PiecewiseLinear([0.05, 0.2, 0.9], [0.0, 0.4, 0.95]), "none": None}


@EACH
@pytest.mark.parametrize("curve", CURVES)
def test_calibrated_models_export(fitted: dict, name: str, curve: str) -> None:
    model = Ensemble(fitted[name].members, CURVES[curve])
    _agrees(model, export(model, FEATURES), _frame(1000, seed=9))


@pytest.mark.parametrize("curve", CURVES)
def test_a_blend_of_all_of_them_exports(fitted: dict, curve: str) -> None:
    each = CURVES.values()
    members = [
        Member(model.members[0].pipeline, list(each)[i % 3], (i + 1) / 45) for i, model in enumerate(fitted.values())
    ]
    assert sum(m.weight for m in members) == pytest.approx(1)
    model, frame = Ensemble(members, CURVES[curve]), _frame(3000, seed=2)
    _agrees(model, export(model, FEATURES), frame)
    probabilities = model.predict_proba(frame)
    assert np.abs(probabilities.sum(axis=1) - 1).max() < 1e-12


def test_a_member_that_does_without_features_leaves_the_models_inputs_as_they_are() -> None:
    frame = _frame(800, seed=1)
    without = {"estimator": "LGBMClassifier", "params": {"n_estimators": 20}, "without": ["f0", "plan.type"]}
    small = build(Candidate.model_validate(without), FEATURES).fit(frame, _labels(frame))
    model = Ensemble([Member(small)])
    exported = export(model, FEATURES)
    assert [i.name for i in exported.inputs] == [f.name for f in FEATURES]
    _agrees(model, exported, _frame(300, seed=6))
    changed = _frame(300, seed=6).assign(**{"f0": 5.0, "plan.type": "basic"})
    assert (model.positive(changed) == model.positive(_frame(300, seed=6))).all()


def test_inputs_are_named_by_their_place_whatever_the_features_are_called(fitted: dict) -> None:
    inputs = export(fitted["linear"], FEATURES).inputs
    assert [(i.name, i.input, i.kind) for i in inputs] == [
        ("calls.day", "f0", "number"),
        ("Age Years", "f1", "number"),
        ("plan.type", "f2", "category"),
        ("région", "f3", "category"),
        ("f0", "f4", "number"),
    ]


def test_export_leaves_the_fitted_model_as_it_was(fitted: dict) -> None:
    pipeline, frame = fitted["forest"], _frame(50, seed=7)
    before = pipeline.predict_proba(frame)
    export(pipeline, FEATURES)
    assert list(pipeline.members[0].pipeline[0].feature_names_in_) == [f.name for f in FEATURES]
    assert (pipeline.predict_proba(frame) == before).all()


def test_the_same_model_exports_to_the_same_bytes(fitted: dict) -> None:
    assert export(fitted["boosting"], FEATURES).content == export(fitted["boosting"], FEATURES).content


def test_a_model_that_differs_is_refused_with_figures(fitted: dict) -> None:
    frame = _frame(500, seed=8)
    exported = export(fitted["forest"], FEATURES)
    probabilities = fitted["linear"].predict_proba(frame)[:, 1]
    with pytest.raises(ExportDiffers) as refused:
        check(exported, frame, probabilities, 0.5)
    said = str(refused.value)
    assert said.startswith("The exported model differs from the fitted one by up to 0.")
    assert "(1e-05 is allowed) and decides " in said
    assert said.endswith(" of 500 rows otherwise. Nothing was registered.")


def test_one_row_decided_otherwise_is_refused_however_small_the_difference(fitted: dict) -> None:
    frame = _frame(500, seed=8)
    probabilities = fitted["linear"].predict_proba(frame)[:, 1].copy()
    exported = export(fitted["linear"], FEATURES)
    probabilities[3] += 5e-6
    with pytest.raises(ExportDiffers, match="decides 1 of 500 rows otherwise"):
        check(exported, frame, probabilities, float(probabilities[3]))


def test_a_probability_that_is_no_number_is_refused(fitted: dict) -> None:
    frame = _frame(10, seed=8)
    probabilities = fitted["linear"].predict_proba(frame)[:, 1].copy()
    probabilities[0] = np.nan
    with pytest.raises(ExportDiffers):
        check(export(fitted["linear"], FEATURES), frame, probabilities, 0.5)


def test_the_day_of_the_year_exports() -> None:
    frame = _frame(800, seed=1)
    seasonal = Candidate.model_validate(
        {"estimator": "LGBMClassifier", "params": {"n_estimators": 20}, "day_of_year": ["plan.type", "Age Years"]}
    )
    model = Ensemble([Member(build(seasonal, FEATURES).fit(frame, _labels(frame)))])
    matrix = model.members[0].pipeline[:2].transform(frame)
    plans = list(FEATURES[2].labels)
    assert (matrix[:, -1] == frame["Age Years"] + [31 * plans.index(plan) for plan in frame["plan.type"]]).all()
    _agrees(model, export(model, FEATURES), _frame(300, seed=6))
