"""Training against a real database and a real MLflow server."""

import json
import socket
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree, ignore_patterns

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from ml.errors import BundleRefused, ConfigError, NotEnoughData, Unavailable
from ml.ingest import ingest
from ml.model_config import CalibrationMethod, Candidate, ThresholdRule
from ml.monitoring.feature_stats import FeatureStats
from ml.registry import list_versions, promote
from ml.settings import Settings
from ml.store import connect
from ml.tracking import client
from ml.train import TrainingResult, train
from ml.training.fitting import MODEL, TRIALS
from ml.training.registration import BUNDLE_PATH, CHECKSUM_TAG
from ml.use_case import UseCase, load_use_case
from ml.validate import validate
from tests.conftest import REPOSITORY
from tests.ingestion import AMOUNT, PAID, PLACE, make_use_case, put
from tests.trained import churn, make_settings, prepare

ROWS = 1200


@dataclass
class Trained:
    """A use case, and what one training of it came to."""

    settings: Settings
    use_case: UseCase
    result: TrainingResult
    registry: MlflowClient

    def runs(self) -> dict[str, Run]:
        experiment = self.registry.get_experiment_by_name(self.use_case.config.experiment)
        found = self.registry.search_runs([experiment.experiment_id], f"tags.snapshot_id = '{self.row('snapshot_id')}'")
        return {run.info.run_name: run for run in found}

    def row(self, column: str) -> object:
        with connect(self.settings.database_url) as connection, connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {column} FROM ml.training_data WHERE model_name = %s AND model_version = %s",
                (self.result.model_name, self.result.model_version),
            )
            return cursor.fetchone()[0]


@pytest.fixture(scope="module")
def trained(postgres, mlflow_server, tmp_path_factory) -> Trained:
    folder = tmp_path_factory.mktemp("train")
    use_case = churn(folder, ROWS)
    settings = make_settings(postgres, mlflow_server, folder, "test_train")
    prepare(settings, use_case)
    result = train(settings, use_case, model_name="train-churn")
    return Trained(settings, use_case, result, MlflowClient(mlflow_server, mlflow_server))


@pytest.mark.slow
def test_the_published_figures_are_reached_with_the_late_feature_let_in(
    mlflow_settings: Settings, real_data: Path, tmp_path: Path
) -> None:
    use_case_folder = REPOSITORY / "data" / "bank_marketing"
    copytree(use_case_folder, tmp_path / "bank_marketing", ignore=ignore_patterns("*.csv"))  # the demo leaves its own
    use_case = load_use_case(tmp_path, "bank_marketing")
    put(use_case, "bank-full.csv", real_data.read_bytes())
    ingest(mlflow_settings, use_case, run_id="test")
    validate(mlflow_settings, use_case)

    result = train(
        mlflow_settings,
        use_case,
        candidates=["logistic_regression", "random_forest"],
        late_features=["duration"],
        model_name="train-bank",
        trials=0,
    )

    assert (result.n_train, result.n_test, result.n_features) == (36168, 9043, 16)
    assert result.metric_name == "roc_auc"
    with client(mlflow_settings) as registry:
        linear, forest = _metrics_of(registry, use_case, ["logistic_regression", "random_forest"])
    assert linear["roc_auc"] >= 0.8935
    assert linear["f1"] >= 0.4072
    assert forest["roc_auc"] >= 0.9202
    assert forest["f1"] >= 0.3039
    assert result.metric_value == forest["roc_auc"]


def test_the_late_feature_is_not_among_the_features_unless_let_in(trained: Trained) -> None:
    stats = FeatureStats.model_validate(trained.row("feature_stats"))
    assert "exit.survey" not in stats.columns
    assert stats.columns.keys() == {f.name for f in trained.use_case.contract.model_features()}


def test_each_candidate_is_a_finished_run_with_parameters_and_metrics(trained: Trained) -> None:
    runs = trained.runs()
    assert runs.keys() == {"linear", "boosting"}
    for run in runs.values():
        assert run.info.status == "FINISHED"
        assert run.data.metrics.keys() == {
            "roc_auc", "average_precision", "brier", "log_loss", "ece", "gain_at_10", "lift_at_10",
            "accuracy", "f1", "precision", "recall", "cv_average_precision", "fit_seconds",
        }  # fmt: skip
        assert run.data.params.items() >= {
            "n_train": "900", "n_test": "300", "split_seed": "7", "test_size": "0.25", "threshold": "0.4",
            "chosen_by": "average_precision", "cv_order": "stratified", "cv_folds": "3", "calibration": "none",
        }.items()  # fmt: skip
        assert run.data.tags["use_case"] == "customer_churn"
    assert runs["linear"].data.params["estimator"] == "LogisticRegression"
    assert runs["linear"].data.params["max_iter"] == "500"
    assert len({run.data.tags["training"] for run in runs.values()}) == 1


def test_each_candidate_is_a_model_with_signature_and_input_example(trained: Trained) -> None:
    names = [f.name for f in trained.use_case.contract.model_features()]
    for run in trained.runs().values():
        with client(trained.settings):
            info = mlflow.models.get_model_info(f"runs:/{run.info.run_id}/{MODEL}")
        assert info.signature.inputs.input_names() == names
        assert info.signature.outputs is not None
        assert info.saved_input_example_info is not None


def test_the_model_that_mlflow_keeps_predicts_what_its_bundle_promises(trained: Trained, tmp_path: Path) -> None:
    run_id = trained.result.run_id
    with client(trained.settings) as registry:
        pipeline = mlflow.sklearn.load_model(f"runs:/{run_id}/{MODEL}")
        path = registry.download_artifacts(run_id, f"{BUNDLE_PATH}/manifest.json", str(tmp_path))
    manifest = json.loads(Path(path).read_text())
    golden = manifest["golden"]
    rows = pd.DataFrame(golden["inputs"]).astype({"signal.min": "float64"})
    assert np.abs(pipeline.predict_proba(rows)[:, 1] - golden["probabilities"]).max() <= 1e-12


def test_the_best_by_the_configured_metric_in_cross_validation_is_registered_with_its_bundle(trained: Trained) -> None:
    result = trained.result
    assert result.metric_name == "average_precision"
    assert result.candidates.keys() == {"linear", "boosting"}
    runs = trained.runs()
    for name, value in result.candidates.items():
        assert runs[name].data.metrics["average_precision"] == value
    (best,) = [name for name, run in runs.items() if run.info.run_id == result.run_id]
    assert best == max(runs, key=lambda name: runs[name].data.metrics["cv_average_precision"])
    assert result.candidates[best] == result.metric_value

    version = trained.registry.get_model_version(result.model_name, result.model_version)
    assert version.run_id == result.run_id
    assert len(version.tags[CHECKSUM_TAG]) == 64
    assert version.tags["candidate"] == best
    assert version.current_stage == "None"
    assert f"{best}: average_precision {result.metric_value:.4f} on 300 rows" in version.description
    files = {f.path for f in trained.registry.list_artifacts(result.run_id, BUNDLE_PATH)}
    assert files == {"serving/manifest.json", "serving/model.onnx"}


def test_the_evidence_of_the_version_is_complete(trained: Trained) -> None:
    result = trained.result
    assert trained.row("use_case") == "customer_churn"
    assert trained.row("run_id") == result.run_id
    assert trained.row("metric_name") == "average_precision"
    assert trained.row("metric_value") == result.metric_value
    assert (trained.row("n_train"), trained.row("n_test"), trained.row("n_features")) == (900, 300, 20)
    assert (result.n_train, result.n_test, result.n_features) == (900, 300, 20)
    assert trained.row("metrics").items() <= trained.registry.get_run(result.run_id).data.metrics.items()
    assert str(trained.row("snapshot_id")).startswith(f"{ROWS}:")
    assert trained.row("timestamp").isoformat() == trained.runs()["linear"].data.tags["training"]
    stats = FeatureStats.model_validate(trained.row("feature_stats"))
    assert stats.rows == 900
    for column in stats.columns.values():
        assert column.summary.rows == 900
    assert stats.columns["signal.min"].nulls > 0


def test_the_same_data_and_configuration_give_the_same_figures(trained: Trained) -> None:
    again = train(trained.settings, trained.use_case, model_name="train-again")
    assert again.candidates == trained.result.candidates
    assert again.run_id != trained.result.run_id


@pytest.mark.slow
def test_a_tuned_training_keeps_its_trials_and_the_same_rows_and_seed_give_the_same_model_to_the_bit(
    trained: Trained, tmp_path: Path
) -> None:
    searched = {"estimator": "LGBMClassifier", "params": {"n_estimators": 20, "num_leaves": 7, "random_state": 3},
                "search": {"num_leaves": {"low": 3, "high": 15}}}  # fmt: skip
    candidates = {
        "linear": trained.use_case.config.candidates["linear"],
        "leaves": Candidate.model_validate(searched),
        "both": Candidate.model_validate({"estimator": "Blend", "of": ["linear", "leaves"]}),
    }
    use_case = _configured(
        trained.use_case, candidates=candidates, experiment="train-tuned", calibration=CalibrationMethod.SIGMOID,
        threshold=ThresholdRule.F1,
    )  # fmt: skip
    contents = []
    for state in ("one", "other"):
        settings = trained.settings.model_copy(update={"state_dir": tmp_path / state})
        result = train(settings, use_case, model_name="train-tuned", trials=3)
        with client(settings) as registry:
            folder = Path(registry.download_artifacts(result.run_id, BUNDLE_PATH, str(tmp_path / state)))
        contents.append((folder / "model.onnx").read_bytes())
        assert len(list((tmp_path / state / "studies").glob("*.journal"))) == 1
    assert contents[0] == contents[1]

    runs = {run.info.run_name: run for run in _runs(trained, "train-tuned")}
    assert runs.keys() == {"linear", "leaves", "both"}
    leaves, both = runs["leaves"], runs["both"]
    with client(trained.settings) as registry:
        trials = pd.read_csv(registry.download_artifacts(leaves.info.run_id, TRIALS, str(tmp_path)))
    assert list(trials["trial"]) == [0, 1, 2]
    assert trials["num_leaves"][0] == 7
    assert leaves.data.params["num_leaves"] in set(trials["num_leaves"].astype(str))
    assert {"weight_linear", "weight_leaves"} <= both.data.params.keys()
    assert both.data.params["calibration"] == "sigmoid"
    assert both.data.params["threshold"] != "f1"
    assert len(both.data.tags["code_version"]) >= 7


def test_metric_candidates_and_features_can_be_chosen(trained: Trained) -> None:
    result = train(
        trained.settings,
        trained.use_case,
        metric="f1",
        candidates=["linear"],
        late_features=["exit.survey"],
        model_name="train-chosen",
    )
    assert result.metric_name == "f1"
    assert result.candidates.keys() == {"linear"}
    assert result.n_features == 21
    run = trained.registry.get_run(result.run_id)
    assert run.data.metrics["f1"] == result.metric_value
    assert run.data.params["chosen_by"] == "f1"
    assert run.data.params["features"].endswith("exit.survey")


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"metric": "gini"}, "No metric 'gini'; there are roc_auc, f1, average_precision."),
        ({"candidates": ["linear", "forest"]}, "No candidate forest; model.yaml has linear, boosting."),
        ({"late_features": ["region"]}, "No late feature region; the contract has: exit.survey."),
    ],
)
def test_an_unknown_name_is_refused_with_the_known_ones(settings: Settings, tmp_path, choice, message) -> None:
    with pytest.raises(ConfigError) as refused:
        train(settings, churn(tmp_path, 0), **choice)
    assert str(refused.value) == message


def test_a_parameter_that_the_estimator_has_not_ends_the_run_as_failed(trained: Trained) -> None:
    use_case = _configured(trained.use_case, candidates={"linear": Candidate.model_validate(
        {"estimator": "LogisticRegression", "params": {"trees": 3}})}, experiment="train-params")  # fmt: skip
    with pytest.raises(ConfigError, match=r"LogisticRegression: .*'trees'"):
        train(trained.settings, use_case, model_name="train-params")
    (run,) = _runs(trained, "train-params")
    assert run.info.status == "FAILED"
    _assert_no_version(trained, "train-params")


def test_training_before_the_first_file_says_that_there_are_no_rows(mlflow_settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(NotEnoughData, match="customer_churn has 0 rows of features, training needs 300: ingest more"):
        train(mlflow_settings, churn(tmp_path, 0))


def test_too_few_rows_make_no_run_and_no_version(trained: Trained, settings: Settings, tmp_path: Path) -> None:
    use_case = churn(tmp_path, 299)
    prepare(settings, use_case)
    use_case = _configured(use_case, experiment="train-few")
    with pytest.raises(NotEnoughData, match="has 299 rows of features, training needs 300"):
        train(_with_mlflow(settings, trained), use_case, model_name="train-few")
    assert _runs(trained, "train-few") == []
    _assert_no_version(trained, "train-few")


@pytest.mark.parametrize(
    ("positives", "test_size", "message"),
    [
        (0, 0.2, "0 of 40 rows have the positive value of 'paid'; training needs at least two"),
        (40, 0.2, "40 of 40 rows have the positive value of 'paid'; training needs at least two"),
        (1, 0.2, "1 of 40 rows have the positive value of 'paid'; training needs at least two"),
        (2, 0.05, "2 of 40 rows have .* only one class is among those to train on or the 2 held out"),
        (20, 0.01, "The test_size = 1 should be greater or equal to the number of classes = 2"),
    ],
)
def test_classes_that_cannot_be_judged_make_no_run_and_no_version(
    trained: Trained, settings: Settings, tmp_path: Path, positives: int, test_size: float, message: str
) -> None:
    use_case = _orders(tmp_path, positives, test_size=test_size)
    prepare(settings, use_case)
    with pytest.raises(NotEnoughData, match=message):
        train(_with_mlflow(settings, trained), use_case)
    assert _runs(trained, "train-orders") == []
    _assert_no_version(trained, "train-orders")


def test_mlflow_away_is_said_with_its_address_and_no_evidence_is_left(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{probe.getsockname()[1]}"
        away = trained.settings.model_copy(update={"mlflow_tracking_uri": address})
        with pytest.raises(Unavailable) as said:
            train(away, trained.use_case, model_name="train-away")
    assert str(said.value) == (
        f"MLflow at {address} did not answer: [Errno 111] Connection refused. `make status` shows what runs."
    )
    assert _evidence(trained, "train-away") == 0


def test_a_version_without_evidence_because_postgres_died_cannot_be_promoted(trained: Trained) -> None:
    with connect(trained.settings.database_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION ml.die() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$;"
            "CREATE TRIGGER die BEFORE INSERT ON ml.training_data FOR EACH ROW EXECUTE FUNCTION ml.die()"
        )
    try:
        with pytest.raises(Unavailable, match=r"^Postgres at .* did not answer: "):
            train(trained.settings, trained.use_case, model_name="train-died", candidates=["linear"])
    finally:
        with connect(trained.settings.database_url) as connection, connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER die ON ml.training_data")

    assert _evidence(trained, "train-died") == 0
    (version,) = list_versions(trained.settings, "train-died")
    with pytest.raises(BundleRefused, match=f"it has no tag {CHECKSUM_TAG}"):
        promote(trained.settings, "train-died", str(version["version"]), actor="test", source="test", why="test")


def _orders(folder: Path, positives: int, *, test_size: float) -> UseCase:
    use_case = make_use_case(folder, name="train_orders")
    lines = [f"{('north', 'south')[i % 2]},{i},{'yes' if i < positives else 'no'}" for i in range(40)]
    names = [c["name"] for c in (PLACE, AMOUNT, PAID)]
    put(use_case, "orders.csv", "\n".join([",".join(names), *lines]) + "\n")
    (use_case.folder / "model.yaml").write_text(
        json.dumps(
            {
                "model_name": "train-orders",
                "experiment": "train-orders",
                "candidates": {"linear": {"estimator": "LogisticRegression"}},
                "min_rows": 10,
                "split": {"test_size": test_size},
            }
        )
    )
    return use_case


def _configured(use_case: UseCase, **changes: object) -> UseCase:
    changed = UseCase(use_case.folder)
    # Where a cached property keeps what it read.
    changed.__dict__["config"] = use_case.config.model_copy(update=changes)
    return changed


def _with_mlflow(settings: Settings, trained: Trained) -> Settings:
    return settings.model_copy(update={"mlflow_tracking_uri": trained.settings.mlflow_tracking_uri})


def _metrics_of(registry: MlflowClient, use_case: UseCase, names: list[str]) -> list[dict[str, float]]:
    experiment = registry.get_experiment_by_name(use_case.config.experiment)
    return [
        registry.search_runs([experiment.experiment_id], f"run_name = '{name}'", max_results=1)[0].data.metrics
        for name in names
    ]


def _runs(trained: Trained, experiment: str) -> list[Run]:
    found = trained.registry.get_experiment_by_name(experiment)
    return trained.registry.search_runs([found.experiment_id]) if found else []


def _evidence(trained: Trained, model_name: str) -> int:
    with connect(trained.settings.database_url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM ml.training_data WHERE model_name = %s", (model_name,))
        return cursor.fetchone()[0]


def _assert_no_version(trained: Trained, model_name: str) -> None:
    assert trained.registry.search_model_versions(f"name = '{model_name}'") == []
