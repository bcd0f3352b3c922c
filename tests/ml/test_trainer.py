"""Candidates from rows to a fitted, exported model."""

import numpy as np
import onnxruntime
import pandas as pd
import pytest

from ml.bundle import PROBABILITIES
from ml.errors import ConfigError
from ml.evaluation.calibration_error import expected_calibration_error
from ml.model_config import Candidate, Metric
from ml.training.fitted_model import FittedModel
from ml.training.onnx_export import check, export, tensor
from ml.training.selection import score
from ml.training.trainer import Trainer, fit_candidate
from ml.training.training_part import training_part
from tests.ml.training_cases import CANDIDATES, FEATURES, config, rows

CONFIG = config()
FRAME, LABELS = rows(1200)
LATER, LATER_LABELS = rows(2000, seed=2)


def _trained(**changes: object) -> dict[str, FittedModel]:
    part = training_part(FRAME, LABELS, FEATURES, config(**changes), None)
    trainer = Trainer(part, part.config.candidates)
    return {name: trainer.fit(name) for name in part.config.candidates}


@pytest.fixture(scope="module")
def trained() -> dict[str, FittedModel]:
    return _trained()


def _onnx(model: FittedModel) -> np.ndarray:
    exported = export(model.ensemble, FEATURES)
    session = onnxruntime.InferenceSession(exported.content, providers=["CPUExecutionProvider"])
    return session.run([PROBABILITIES], {i.input: tensor(LATER[i.name], i) for i in exported.inputs})[0]


@pytest.mark.parametrize("name", CANDIDATES)
def test_the_same_rows_and_seed_give_the_same_model_to_the_bit(trained: dict[str, FittedModel], name: str) -> None:
    again = fit_candidate(FRAME, LABELS, FEATURES, CONFIG.candidates[name], CONFIG)
    assert again.params == trained[name].params
    assert again.threshold == trained[name].threshold
    assert (_onnx(again) == _onnx(trained[name])).all()


@pytest.mark.parametrize("name", CANDIDATES)
def test_each_candidate_exports_as_it_decides(trained: dict[str, FittedModel], name: str) -> None:
    model = trained[name]
    check(export(model.ensemble, FEATURES), LATER, model.predict_proba(LATER)[:, 1], model.threshold)


def test_a_blend_is_its_members_weighted_and_no_worse_in_log_loss(trained: dict[str, FittedModel]) -> None:
    blend = trained["blend"]
    assert blend.params.keys() == {"weight_linear", "weight_leaves", "weight_forest"}
    assert sum(blend.params.values()) == pytest.approx(1, abs=1e-3)
    mean = sum(
        member.weight * trained[name].predict_proba(LATER)[:, 1]
        for name, member in zip(("linear", "leaves", "forest"), blend.ensemble.members, strict=True)
    )
    assert blend.ensemble.curve(mean) == pytest.approx(blend.predict_proba(LATER)[:, 1], abs=1e-12)
    losses = {name: _log_loss(model.out_of_fold) for name, model in trained.items()}
    assert losses["blend"] <= min(losses.values()) + 1e-9


def _log_loss(probabilities: np.ndarray) -> float:
    return float(-np.log(np.where(LABELS == 1, probabilities, 1 - probabilities)).mean())


def test_the_score_is_of_rows_the_model_was_not_fitted_on(trained: dict[str, FittedModel]) -> None:
    forest = trained["forest"]
    on_its_own_rows = score(Metric.ROC_AUC, LABELS.to_numpy(), forest.predict_proba(FRAME)[:, 1])
    on_later_rows = score(Metric.ROC_AUC, LATER_LABELS.to_numpy(), forest.predict_proba(LATER)[:, 1])
    assert forest.cv_score < on_its_own_rows
    assert forest.cv_score == pytest.approx(on_later_rows, abs=0.03)
    assert len(forest.fold_scores) == 3


def test_probabilities_are_calibrated_on_new_rows() -> None:
    candidate = Candidate.model_validate({"estimator": "LogisticRegression", "params": {"class_weight": "balanced"}})
    (frame, labels), (later, later_labels) = rows(1200, above=2.2), rows(4000, seed=2, above=2.2)
    errors = {}
    for method in ("none", "sigmoid", "isotonic"):
        model = fit_candidate(frame, labels, FEATURES, candidate, config(calibration=method))
        errors[method] = expected_calibration_error(later_labels.to_numpy(), model.predict_proba(later)[:, 1])
    assert errors["none"] > 0.1
    assert errors["sigmoid"] < 0.04
    assert errors["isotonic"] < 0.04


def test_in_time_order_rows_before_the_first_fold_have_no_out_of_fold_probability() -> None:
    times = pd.Series(pd.date_range("2024-01-01", periods=len(FRAME), freq="h"), index=FRAME.index)
    model = fit_candidate(FRAME, LABELS, FEATURES, CONFIG.candidates["linear"], CONFIG, times)
    assert np.isnan(model.out_of_fold[:300]).all()
    assert np.isfinite(model.out_of_fold[300:]).all()


def test_recent_rows_count_most_where_the_world_has_changed() -> None:
    turned = pd.concat([1 - LABELS, LABELS], ignore_index=True)
    frame = pd.concat([FRAME, FRAME], ignore_index=True)
    aucs = {}
    for half_life in (None, 200):
        candidate = Candidate.model_validate({"estimator": "LogisticRegression", "half_life": half_life})
        model = fit_candidate(frame, turned, FEATURES, candidate, config(tuning={"order": "time"}, calibration="none"))
        aucs[half_life] = score(Metric.ROC_AUC, LATER_LABELS.to_numpy(), model.predict_proba(LATER)[:, 1])
    assert aucs[200] > 0.7
    assert aucs[None] < 0.6


def test_seconds_are_shared_and_what_one_leaves_the_next_ones_have() -> None:
    part = training_part(FRAME, LABELS, FEATURES, config(tuning={"trials": 2, "seconds": 100}), None)
    trainer = Trainer(part, {"blend": CONFIG.candidates["blend"]})
    assert trainer._budget().seconds == 50
    trials = trainer.fit("linear").trials
    assert trainer._budget().seconds == 100 - trials["seconds"].sum() < 100


def test_a_blend_by_itself_brings_its_members() -> None:
    part = training_part(FRAME, LABELS, FEATURES, config(tuning={"trials": 0}), None)
    trainer = Trainer(part, {"blend": CONFIG.candidates["blend"]})
    assert len(trainer.fit("blend").ensemble.members) == 3
    assert trainer.models.keys() == {"linear", "leaves", "forest", "blend"}


@pytest.mark.parametrize(
    ("candidates", "message"),
    [
        ({"a": {"estimator": "Blend"}}, "`of` names the candidates of a Blend, and only a Blend has it"),
        ({"a": {"estimator": "Blend", "of": ["b"]}}, "candidates.a.of: no candidate to blend is named b"),
        ({**CANDIDATES, "a": {"estimator": "Blend", "of": ["blend"]}}, "no candidate to blend is named blend"),
        ({"a": {"estimator": "Blend", "of": ["b"], "params": {"x": 1}}}, "a Blend has nothing but `of`"),
        ({"a": {"estimator": "LogisticRegression", "day_of_year": ["m", "d"]}}, "day_of_year is for trees"),
    ],
)  # fmt: skip
def test_candidates_that_make_no_sense_are_refused(candidates: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        config(candidates=candidates)


def test_a_parameter_that_the_estimator_has_not_is_named() -> None:
    with pytest.raises(ConfigError, match=r"ExtraTreesClassifier: .*'leaves'"):
        fit_candidate(
            FRAME, LABELS, FEATURES,
            Candidate.model_validate({"estimator": "ExtraTreesClassifier", "params": {"leaves": 3}}), CONFIG,
        )  # fmt: skip
