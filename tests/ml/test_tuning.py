"""Search for better parameters, its budget, and going on after an interruption."""

import logging
from pathlib import Path

import pytest

from ml.errors import ConfigError, ContractError
from ml.model_config import Candidate, Metric, load_model_config
from ml.training import tuning
from ml.training.cross_validation import PreparedFold, prepare_folds
from ml.training.training_part import training_part
from ml.training.tuning import Budget, journal_path, tune
from tests.ml.training_cases import FEATURES, config, rows

CONFIG = config()
LEAVES = CONFIG.candidates["leaves"]


@pytest.fixture(scope="module")
def folds() -> list[PreparedFold]:
    return prepare_folds(training_part(*rows(600), FEATURES, CONFIG, None), LEAVES)


def _tune(folds: list[PreparedFold], trials: int, journal: Path | None = None, candidate: Candidate = LEAVES):
    return tune("leaves", candidate, folds, Metric.ROC_AUC, CONFIG.tuning, Budget(trials, 300), journal)


def test_the_first_trial_is_of_the_parameters_given_and_the_best_is_no_worse(folds) -> None:
    tuned = _tune(folds, 6)
    assert len(tuned.trials) == 6
    first, complete = tuned.trials.iloc[0], tuned.trials[tuned.trials["state"] == "complete"]
    assert first["num_leaves"] == 7
    best = complete.loc[complete["value"].idxmax()]
    assert best["value"] >= first["value"]
    assert tuned.candidate.params["num_leaves"] == best["num_leaves"]
    assert tuned.candidate.params["n_estimators"] == 20
    assert tuned.trials["num_leaves"].between(3, 31).all()


def test_without_trials_or_without_a_search_space_parameters_stay_as_given(folds) -> None:
    assert _tune(folds, 0).candidate == LEAVES
    fixed = LEAVES.model_copy(update={"search": {}})
    tuned = _tune(folds, 5, candidate=fixed)
    assert tuned.candidate == fixed
    assert tuned.trials.empty


def test_the_same_seed_tries_the_same_parameters(folds) -> None:
    one, other = _tune(folds, 6), _tune(folds, 6)
    assert one.candidate == other.candidate
    columns = ["state", "value", "num_leaves", "min_child_samples"]
    assert one.trials[columns].equals(other.trials[columns])


class _Killed(BaseException):
    """What ends a task from outside."""


@pytest.mark.parametrize("after", [1, 8])
def test_a_study_that_was_interrupted_goes_on_and_ends_as_it_would_have(
    folds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    fits = []

    class Fold(PreparedFold):
        def predict(self, estimator):
            if len(fits) == after:
                raise _Killed
            fits.append(1)
            return super().predict(estimator)

    dying = [Fold(**fold.__dict__) for fold in folds]
    journal = tmp_path / "studies" / "leaves.journal"
    with pytest.raises(_Killed):
        _tune(dying, 6, journal)
    resumed, whole = _tune(folds, 6, journal), _tune(folds, 6)
    columns = ["state", "value", "num_leaves", "min_child_samples"]
    assert resumed.candidate == whole.candidate
    assert resumed.trials[columns].equals(whole.trials[columns])


def test_a_study_that_ended_is_taken_as_it_is(folds, tmp_path: Path) -> None:
    journal = tmp_path / "leaves.journal"
    first = _tune(folds, 3, journal)
    again = _tune([], 9, journal)  # a trial could not be made without folds
    assert again.candidate == first.candidate
    assert len(again.trials) == 3


def test_the_seconds_end_a_search_after_at_least_one_trial(folds, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, tuning.log.name):
        tuned = tune("leaves", LEAVES, folds, Metric.ROC_AUC, CONFIG.tuning, Budget(50, -1))
    assert len(tuned.trials) == 1
    assert tuned.candidate.params["num_leaves"] == 7
    assert "leaves: its share of the seconds is spent after 1 of 50 trials" in caplog.text


def test_a_trial_that_falls_behind_is_given_up(folds, caplog: pytest.LogCaptureFixture) -> None:
    hopeless = LEAVES.model_copy(update={"params": {**LEAVES.params, "n_estimators": 60}, "search": {
        "learning_rate": config(candidates={"a": {"estimator": "LGBMClassifier", "search": {
            "learning_rate": {"choices": [0.1, 1e-9]}}}}).candidates["a"].search["learning_rate"]}})  # fmt: skip
    with caplog.at_level(logging.INFO, tuning.log.name):
        trials = _tune(folds, 10, candidate=hopeless).trials
    pruned = trials[trials["state"] == "pruned"]
    assert len(pruned) >= 1
    assert (pruned["learning_rate"] == 1e-9).all()
    assert caplog.text.count(", pruned, ") == len(pruned)


def test_each_trial_is_a_line_in_the_log(folds, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, tuning.log.name):
        _tune(folds, 2)
    assert len(caplog.records) == 2
    assert caplog.records[0].message.startswith("leaves, trial 0: roc_auc 0.")
    assert "; num_leaves 7, min_child_samples " in caplog.records[0].message


def test_a_searched_parameter_that_the_estimator_has_not_is_named(folds) -> None:
    wrong = config(
        candidates={"a": {"estimator": "RandomForestClassifier", "search": {"trees": {"low": 1, "high": 9}}}}
    )
    with pytest.raises(ConfigError, match=r"RandomForestClassifier: .*'trees'"):
        _tune(folds, 2, candidate=wrong.candidates["a"])


@pytest.mark.parametrize(
    ("search", "message"),
    [
        ("{C: {low: 3, high: 1}}", "candidates.linear.search.C.range: Value error, low 3 is not below high 1"),
        ("{C: {low: 0, high: 1, log: true}}", "candidates.linear.search.C.range: Value error, log needs a low above 0"),
        ("{C: {choices: [1]}}", "candidates.linear.search.C.choices.choices: Tuple should have at least 2 items"),
        ("{C: 5}", "candidates.linear.search.C.range: Input should be a valid dictionary"),
    ],
)
def test_a_search_space_that_makes_no_sense_is_refused_by_its_name(tmp_path: Path, search: str, message: str) -> None:
    path = tmp_path / "model.yaml"
    path.write_text(
        f"model_name: m\nexperiment: e\ncandidates: {{linear: {{estimator: LogisticRegression, search: {search}}}}}\n"
    )
    with pytest.raises(ContractError) as refused:
        load_model_config(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert message in str(refused.value)


def test_another_snapshot_or_configuration_is_another_study(tmp_path: Path) -> None:
    assert journal_path(tmp_path, "churn", "linear", "7:a") == journal_path(tmp_path, "churn", "linear", "7:a")
    assert journal_path(tmp_path, "churn", "linear", "7:a") != journal_path(tmp_path, "churn", "linear", "8:b")
