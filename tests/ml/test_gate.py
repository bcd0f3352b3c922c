"""The gate on trained versions, against a real database and a real MLflow server."""

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient

from ml import gate as gate_module
from ml.errors import ModelNotFound, PromotionConflict, ReferenceUnusable
from ml.gate import TAG, evidence, gate
from ml.ingest import ingest
from ml.model_config import Candidate, Gate, GateMode
from ml.promotion import kept_rows
from ml.promotion.challenger import rivals
from ml.promotion.experiment import Mode, read_tags
from ml.registry import promote
from ml.settings import Settings
from ml.store import connect
from ml.train import train
from ml.use_case import UseCase
from ml.validate import validate
from tests.trained import churn, make_settings, prepare
from tests.use_cases.customer_churn.make_data import draw, write

MODEL = "gate-churn"


@dataclass
class Platform:
    """Version 1 by the worse candidate, 2 by the better one of the same rows, 3 of more rows."""

    settings: Settings
    use_case: UseCase
    mlflow: MlflowClient

    def configured(self, **changes) -> UseCase:
        changed = UseCase(self.use_case.folder)
        config = self.use_case.config
        gate = Gate.model_validate(config.gate.model_dump() | changes)
        # Where a cached property keeps what it read.
        changed.__dict__["config"] = config.model_copy(update={"gate": gate})
        return changed

    def model(self, name, *versions):
        """A model of its own with copies of those versions."""
        self.mlflow.create_registered_model(name)
        for version in versions:
            found = self.mlflow.get_model_version(MODEL, version)
            self.mlflow.create_model_version(name, f"runs:/{found.run_id}/model", found.run_id, tags=found.tags)
        return name

    def promote(self, name, version):
        promote(self.settings, name, version, actor="ann", source="cli", why="test")

    def held_out(self, version):
        run_id = self.mlflow.get_model_version(MODEL, version).run_id
        with TemporaryDirectory() as folder:
            return pd.read_parquet(self.mlflow.download_artifacts(run_id, "evidence/holdout.parquet", folder))

    def rows(self, statement, *values):
        with connect(self.settings.database_url) as connection, connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall()


@pytest.fixture(scope="module")
def platform(postgres, mlflow_server, tmp_path_factory) -> Platform:
    folder = tmp_path_factory.mktemp("gate")
    use_case = churn(folder, 3000)
    settings = make_settings(postgres, mlflow_server, folder, "test_gate")
    prepare(settings, use_case)
    weak = Candidate(estimator="RandomForestClassifier", params={"n_estimators": 10, "max_depth": 2, "random_state": 1})
    candidates = {"weak": weak, "linear": use_case.config.candidates["linear"]}
    changes = {"candidates": candidates, "gate": Gate(max_ece=0.15)}
    use_case.__dict__["config"] = use_case.config.model_copy(update=changes)
    for candidate in candidates:
        train(settings, use_case, candidates=[candidate], model_name=MODEL)
    write(use_case.landing / "more.csv", 1500, seed=8, first_id=10_000)
    ingest(settings, use_case, run_id="more")
    validate(settings, use_case)
    train(settings, use_case, candidates=["linear"], model_name=MODEL)
    return Platform(settings, use_case, MlflowClient(mlflow_server, mlflow_server))


def test_a_first_version_is_judged_by_the_floor_and_becomes_the_challenger(platform, caplog):
    name = platform.model("gate-first", "1")
    with caplog.at_level(logging.INFO, logger="ml.gate"):
        found = gate(platform.settings, platform.use_case, name, "1")
    assert (found.production, found.passed, found.failed_rules, found.promoted) == (None, True, [], False)
    assert rivals(platform.settings, name) == (None, "1")
    assert read_tags(platform.mlflow.get_registered_model(name).tags).mode is Mode.OFF
    assert platform.mlflow.get_model_version(name, "1").tags[TAG] == "passed"
    (message,) = [r.getMessage() for r in caplog.records if r.name == "ml.gate"]
    assert message.startswith(f"Gate of {name}, version 1:\nrule ")
    assert "above 0." in message
    assert message.endswith("Gate passed.")
    assert {line.split()[0] for line in message.splitlines()[2:-1]} == {
        "average_precision", "calibration", "latency", "size",
    }  # fmt: skip


def test_a_better_version_passes_against_production_on_rows_neither_was_fitted_on(platform):
    name = platform.model("gate-better", "1", "2")
    platform.promote(name, "1")
    found = gate(platform.settings, platform.use_case, name, "2")
    assert (found.production, found.passed, found.promoted) == ("1", True, False)
    ((document,),) = platform.rows("SELECT verdict FROM ml.gate_verdicts WHERE model_name = %s", name)
    assert document["notes"] == ["All 750 rows held out count; version 1 was fitted on none of them."]
    assert document["n_rows"] == 750
    assert document["difference"] == pytest.approx(document["challenger"] - document["production"])
    metrics = platform.mlflow.get_run(platform.mlflow.get_model_version(name, "2").run_id).data.metrics
    assert document["challenger"] == pytest.approx(metrics["average_precision"], abs=1e-4)
    assert document["low"] < document["difference"] < document["high"]


def test_the_verdict_lies_with_the_run_too(platform, tmp_path):
    name = platform.model("gate-artifact", "1")
    gate(platform.settings, platform.use_case, name, "1")
    run_id = platform.mlflow.get_model_version(name, "1").run_id
    path = platform.mlflow.download_artifacts(run_id, "evidence/gate.json", str(tmp_path))
    document = json.loads(Path(path).read_text())
    assert (document["model_name"], document["version"], document["passed"]) == (name, "1", True)


def test_a_worse_version_fails_and_a_person_may_promote_it_all_the_same(platform):
    name = platform.model("gate-worse", "2", "1")
    platform.promote(name, "1")
    found = gate(platform.settings, platform.use_case, name, "2")
    assert not found.passed
    assert found.failed_rules[0] == "average_precision"
    assert platform.mlflow.get_model_version(name, "2").tags[TAG].startswith("failed: average_precision")
    assert rivals(platform.settings, name) == ("1", None)
    platform.promote(name, "2")
    ((noted,),) = platform.rows("SELECT gate FROM ml.promotions WHERE model_name = %s AND to_version = '2'", name)
    assert (noted["against"], noted["passed"], noted["failed"]) == ("1", False, found.failed_rules)


def test_rows_that_production_was_fitted_on_do_not_count(platform):
    name = platform.model("gate-seen", "2", "3")
    platform.promote(name, "1")
    found = gate(platform.settings, platform.configured(min_rows=100), name, "2")
    ((document,),) = platform.rows("SELECT verdict FROM ml.gate_verdicts WHERE model_name = %s", name)
    parts = draw(3000), platform.held_out("2"), platform.held_out("3")
    all_old, old, new = (set(map(tuple, rows[["calls.day", "minutes.day"]].to_numpy())) for rows in parts)
    n = len(new - (all_old - old))
    assert 375 < n < 1125
    assert document["n_rows"] == n
    (note,) = document["notes"]
    assert note == f"{n} of 1125 rows held out count; version 1 was fitted on the other {1125 - n}."
    assert found.production == "1"


def test_where_too_few_rows_are_left_all_count_and_the_verdict_says_whom_that_favours(platform):
    name = platform.model("gate-few", "2", "3")
    platform.promote(name, "1")
    gate(platform.settings, platform.configured(min_rows=1000), name, "2")
    ((document,),) = platform.rows("SELECT verdict FROM ml.gate_verdicts WHERE model_name = %s", name)
    (note,) = document["notes"]
    assert note.startswith("All 1125 rows held out count; version 1 was fitted on ")
    assert note.endswith(" of them, which favours it.")
    assert document["n_rows"] == 1125


def test_in_mode_auto_what_passes_is_promoted_at_once_and_what_fails_is_not(platform):
    use_case = platform.configured(mode=GateMode.AUTO)
    name = platform.model("gate-auto", "1", "2", "1")
    assert gate(platform.settings, use_case, name, "1").promoted
    assert gate(platform.settings, use_case, name, "2").promoted
    found = gate(platform.settings, use_case, name, "3")
    assert not found.passed
    assert not found.promoted
    assert rivals(platform.settings, name) == ("2", None)
    ledger = platform.rows(
        "SELECT from_version, to_version, actor, source, gate->>'passed' FROM ml.promotions"
        " WHERE model_name = %s AND stage = 'Production' ORDER BY id",
        name,
    )
    assert ledger == [(None, "1", "gate", "gate", "true"), ("1", "2", "gate", "gate", "true")]
    assert not gate(platform.settings, use_case, name, "2").promoted  # it is in production


def test_in_mode_dry_run_nothing_follows(platform):
    name = platform.model("gate-dry", "1")
    found = gate(platform.settings, platform.configured(mode=GateMode.DRY_RUN), name, "1")
    assert (found.passed, found.promoted) == (True, False)
    assert rivals(platform.settings, name) == (None, None)
    assert platform.rows("SELECT mode, passed FROM ml.gate_verdicts WHERE model_name = %s", name) == [("dry_run", True)]


def test_a_gate_repeated_gives_the_same_verdict_once(platform):
    name = platform.model("gate-again", "1", "2")
    platform.promote(name, "1")
    first, again = (gate(platform.settings, platform.use_case, name, "2") for _ in range(2))
    assert first == again
    assert len(platform.rows("SELECT 1 FROM ml.gate_verdicts WHERE model_name = %s", name)) == 1


def test_mode_auto_does_not_overrun_a_promotion_made_meanwhile(platform, monkeypatch):
    name = platform.model("gate-overtaken", "1", "2", "2")
    platform.promote(name, "1")
    judged = gate_module._judge

    def overtaken(*arguments):
        found = judged(*arguments)
        platform.promote(name, "3")
        return found

    monkeypatch.setattr(gate_module, "_judge", overtaken)
    with pytest.raises(PromotionConflict, match="was to follow version 1, and by now version 3 is in production"):
        gate(platform.settings, platform.configured(mode=GateMode.AUTO), name, "2")
    assert rivals(platform.settings, name)[0] == "3"


def test_a_production_version_that_cannot_be_loaded_is_no_reason_to_pass(platform):
    name = platform.model("gate-broken", "1", "2")
    platform.promote(name, "1")
    platform.mlflow.set_model_version_tag(name, "1", "bundle_sha256", "0" * 64)
    found = gate(platform.settings, platform.use_case, name, "2")
    assert found.failed_rules == ["comparison"]


def test_slices_are_the_configured_columns(platform):
    name = platform.model("gate-slices", "1", "2")
    platform.promote(name, "1")
    rules = {}
    for slices in (None, ["region"], []):
        gate(platform.settings, platform.configured(slices=slices, min_rows=50), name, "2")
        ((document,),) = platform.rows("SELECT verdict FROM ml.gate_verdicts WHERE model_name = %s", name)
        rules[str(slices)] = next(r["figure"] for r in document["rules"] if r["name"] == "slices")
    assert rules["None"].startswith("8 judged, ")
    assert rules["['region']"].startswith("5 judged, lowest region ")
    assert rules["[]"] == "none of 50 rows"


def test_the_evidence_before_a_promotion_has_the_verdict_and_the_figures_of_both(platform):
    name = platform.model("gate-shown", "1", "2")
    platform.promote(name, "1")
    shown = evidence(platform.settings, platform.use_case, name, "2")
    assert shown.production == "1"
    assert shown.body.startswith("**Gate passed**")
    assert "| average_precision | 0." in shown.body
    assert "| metric | version 2 | production: version 1 |" in shown.body
    assert evidence(platform.settings, platform.use_case, name, "2") == shown
    assert rivals(platform.settings, name) == ("1", None)  # it was only looked at


def test_the_evidence_of_what_the_gate_cannot_judge_says_so(platform):
    name = "gate-unknown"
    platform.mlflow.create_registered_model(name)
    run_id = platform.mlflow.create_run("0").info.run_id
    platform.mlflow.create_model_version(name, f"runs:/{run_id}/model", run_id)
    shown = evidence(platform.settings, platform.use_case, name, "1")
    assert shown.body.startswith("**Not judged by the gate.** Version 1 of 'gate-unknown' cannot be served")
    assert shown.production == ""
    with pytest.raises(ModelNotFound):
        evidence(platform.settings, platform.use_case, name, "9")


def test_a_version_without_its_hold_out_is_not_judged(platform, monkeypatch):
    name = platform.model("gate-without", "1")
    monkeypatch.setattr(kept_rows, "ROWS", "gone.parquet")
    with pytest.raises(ReferenceUnusable, match=r"its run has no evidence/gone.parquet"):
        gate(platform.settings, platform.use_case, name, "1")


def test_the_run_of_the_champion_has_all_evidence(platform, tmp_path):
    run_id = platform.mlflow.get_model_version(MODEL, "2").run_id
    files = {Path(f.path).name for f in platform.mlflow.list_artifacts(run_id, "evidence")}
    assert files >= {
        "roc.png", "precision_recall.png", "calibration.png", "gain.png", "learning_curve.png", "learning_curve.csv",
        "importance.png", "importance.csv", "shap.png", "shap_values.csv", "slices.csv", "model_card.md",
        "model_card.html", "holdout.parquet", "trained_on.npy",
    }  # fmt: skip
    card = Path(platform.mlflow.download_artifacts(run_id, "evidence/model_card.md", str(tmp_path))).read_text()
    assert f"# {MODEL}: linear" in card
    assert "| split_seed | 7 |" in card
    marks = np.load(platform.mlflow.download_artifacts(run_id, "evidence/trained_on.npy", str(tmp_path)))
    assert len(marks) == 2250
