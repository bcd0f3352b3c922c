"""Promotion, the challenger and the ledger, against a real database and a real MLflow server."""

import itertools
import logging
import os
import signal
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Timer

import psycopg2
import pytest
from mlflow import MlflowClient

from ml import registry
from ml.bundle import MANIFEST, MODEL
from ml.errors import (
    BundleRefused,
    ConfigError,
    ModelNotFound,
    NoChallenger,
    NoPredecessor,
    NoProductionModel,
    PromotionConflict,
    Unavailable,
)  # fmt: skip
from ml.promotion import experiment, promotions
from ml.promotion.challenger import Challenge, nominate, rivals, set_challenger
from ml.promotion.experiment import Mode, Setup, read_tags
from ml.promotion.promotions import Entry, known_models
from ml.promotion.registry_sync import look, run
from ml.registry import reconcile
from ml.settings import Settings
from ml.store import connect
from ml.train import train
from ml.training.registration import BUNDLE_PATH, CHECKSUM_TAG
from serving.registry import MlflowRegistry
from stack.postgres import Postgres
from tests.conftest import REPOSITORY
from tests.trained import churn, make_settings, prepare

_names = itertools.count()


@dataclass
class Bundle:
    """The bundle of a trained version, and what a version needs to have it."""

    settings: Settings
    mlflow: MlflowClient
    run_id: str
    checksum: str
    folder: Path


@pytest.fixture(scope="module")
def trained(postgres: Postgres, mlflow_server: str, tmp_path_factory) -> Bundle:
    """One training for all tests: versions of any model are made of its run."""
    folder = tmp_path_factory.mktemp("registry")
    use_case = churn(folder, 400)
    settings = make_settings(postgres, mlflow_server, folder, "test_registry")
    prepare(settings, use_case)
    result = train(settings, use_case, candidates=["linear"], model_name="registry-trained")
    mlflow = MlflowClient(mlflow_server, mlflow_server)
    checksum = mlflow.get_model_version(result.model_name, result.model_version).tags[CHECKSUM_TAG]
    mlflow.download_artifacts(result.run_id, BUNDLE_PATH, str(folder))
    return Bundle(settings, mlflow, result.run_id, checksum, folder / BUNDLE_PATH)


class Model:
    """A registered model of its own for one test."""

    def __init__(self, trained: Bundle, name: str) -> None:
        self.settings, self.mlflow, self.name, self._trained = trained.settings, trained.mlflow, name, trained
        self.mlflow.create_registered_model(name)

    def add(self, *, run_id: str | None = None, checksum: str | None = None) -> str:
        """A new version, by default one that can be served."""
        run_id = run_id or self._trained.run_id
        tags = {CHECKSUM_TAG: self._trained.checksum if checksum is None else checksum}
        made = self.mlflow.create_model_version(
            self.name, f"runs:/{run_id}/model", run_id, tags=tags if checksum != "" else None
        )
        return str(made.version)

    def add_with(self, files: dict[str, bytes], *, checksum: str | None = None) -> str:
        """A version whose run has these files as its bundle."""
        run = self.mlflow.create_run("0")
        for name, content in files.items():
            path = self._trained.folder.parent / "altered" / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
            self.mlflow.log_artifact(run.info.run_id, str(path), BUNDLE_PATH)
        self.mlflow.set_terminated(run.info.run_id)
        return self.add(run_id=run.info.run_id, checksum=checksum)

    def promote(self, version: str, **options: str) -> registry.Promotion:
        options = {"actor": "ann", "source": "cli", "why": "better", **options}
        return registry.promote(self.settings, self.name, version, **options)

    def rollback(self, why: str) -> registry.Promotion:
        return registry.rollback(self.settings, self.name, actor="ann", why=why)

    def reconcile(self) -> registry.Promotion | None:
        return reconcile(self.settings, self.name)

    def alias(self, version: str) -> None:
        self.mlflow.set_registered_model_alias(self.name, "production", version)

    def stage(self, version: str, stage: str, *, archive: bool = False) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            self.mlflow.transition_model_version_stage(self.name, version, stage, archive_existing_versions=archive)

    @property
    def production(self) -> str | None:
        """By the alias."""
        return self.mlflow.get_registered_model(self.name).aliases.get("production")

    @property
    def stages(self) -> dict[str, str]:
        found = self.mlflow.search_model_versions(f"name = '{self.name}'")
        return {str(v.version): v.current_stage for v in sorted(found, key=lambda v: int(v.version))}

    @property
    def ledger(self) -> list[tuple]:
        """From, to, stage, outcome, actor, source, why, in the order they were written."""
        with connect(self.settings.database_url) as connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT from_version, to_version, stage, outcome, actor, source, why FROM ml.promotions"
                " WHERE model_name = %s ORDER BY id",
                (self.name,),
            )
            return cursor.fetchall()


@pytest.fixture
def model(trained: Bundle) -> Model:
    """Named anew for each test; no version."""
    return Model(trained, f"registry-{next(_names)}")


@pytest.fixture
def closed_port(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Address where nobody listens, held so that nobody comes to; tried once only."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


@pytest.fixture
def served(model: Model) -> Model:
    """Two versions, the first in production."""
    model.add()
    model.add()
    model.promote("1")
    return model


def test_a_promotion_sets_alias_and_stage_and_the_ledger_says_who_and_why(model: Model) -> None:
    model.add()
    done = model.promote("1", actor="ann", source="airflow", why="the first")
    assert done == registry.Promotion(model.name, None, "1", "Production")
    assert model.production == "1"
    assert model.stages == {"1": "Production"}
    assert model.ledger == [(None, "1", "Production", "promoted", "ann", "airflow", "the first")]


def test_the_predecessor_is_archived(served: Model) -> None:
    done = served.promote("2", why="newer data")
    assert done == registry.Promotion(served.name, "1", "2", "Production")
    assert served.production == "2"
    assert served.stages == {"1": "Archived", "2": "Production"}
    assert served.ledger[1:] == [("1", "2", "Production", "promoted", "ann", "cli", "newer data")]


def test_an_earlier_version_can_be_put_back(served: Model) -> None:
    served.promote("2")
    assert served.promote("1", why="2 was worse").from_version == "2"
    assert served.production == "1"
    assert served.stages == {"1": "Production", "2": "Archived"}


def test_promoting_again_changes_nothing(served: Model) -> None:
    before = served.ledger
    assert served.promote("1") == registry.Promotion(served.name, "1", "1", "Production")
    assert served.ledger == before
    assert served.stages == {"1": "Production", "2": "None"}


def test_staging_leaves_production_as_it_is(served: Model) -> None:
    done = served.promote("2", stage="Staging")
    assert done.stage == "Staging"
    assert served.production == "1"
    assert served.stages == {"1": "Production", "2": "Staging"}
    assert served.ledger[1:] == [("1", "2", "Staging", "promoted", "ann", "cli", "better")]
    assert served.reconcile() is None


def test_what_is_in_production_cannot_be_taken_out_by_staging_it(served: Model) -> None:
    with pytest.raises(ConfigError, match="is in production; promote another one, which replaces it"):
        served.promote("1", stage="Staging")
    assert served.production == "1"
    assert served.stages["1"] == "Production"
    assert len(served.ledger) == 1


@pytest.mark.parametrize("stage", ["production", "Archived", "None", ""])
def test_another_stage_is_refused(served: Model, stage: str) -> None:
    with pytest.raises(ConfigError, match=f"No stage '{stage}'; there are Staging, Production."):
        served.promote("2", stage=stage)
    assert len(served.ledger) == 1


@pytest.mark.parametrize("version", ["9", "0", "-1", "newest", ""])
def test_a_version_that_is_not_there_is_named(served: Model, version: str) -> None:
    with pytest.raises(ModelNotFound) as refused:
        served.promote(version)
    what = f"version {version} of model" if version else "model"
    assert str(refused.value).startswith(f"The registry has no {what} '{served.name}'. `make list-versions")
    assert len(served.ledger) == 1


@pytest.mark.parametrize("name", ["registry-unknown", "o'brien", "a/b", "a:b", ""])
def test_a_model_that_is_not_there_is_named(trained: Bundle, name: str) -> None:
    with pytest.raises(ModelNotFound, match="The registry has no version 1 of model"):
        registry.promote(trained.settings, name, "1", actor="ann", source="cli", why="")
    with pytest.raises(ModelNotFound, match="The registry has no model"):
        registry.list_versions(trained.settings, name)
    with pytest.raises(NoProductionModel):
        registry.production_version(trained.settings, name)


def test_no_other_model_answers_for_a_name_with_a_quote(trained: Bundle) -> None:
    model = Model(trained, "obrien")
    model.add()
    with pytest.raises(ModelNotFound, match='no model "o\'brien"'):
        registry.list_versions(trained.settings, "o'brien")
    model = Model(trained, "o'brien")
    model.add()
    model.promote("1")
    model.add()
    assert [v["version"] for v in registry.list_versions(trained.settings, "o'brien")] == [2, 1]
    assert model.reconcile() is None


def test_a_model_without_versions_has_none_to_list(model: Model) -> None:
    assert registry.list_versions(model.settings, model.name) == []


def test_without_a_production_version_it_is_said_how_to_get_one(model: Model) -> None:
    model.add()
    with pytest.raises(NoProductionModel) as said:
        registry.production_bundle(model.settings, model.name)
    assert str(said.value) == (
        f"Model '{model.name}' has no production version. Promote one: "
        f"`make promote MODEL_NAME={model.name} VERSION=<n>`, or alias `production` in the MLflow UI."
    )


def test_the_bundle_in_production_predicts_and_is_named(served: Model, trained: Bundle) -> None:
    version, bundle = registry.production_bundle(served.settings, served.name, threads=2)
    assert version == registry.RegisteredVersion(served.name, "1", trained.run_id, trained.checksum)
    assert bundle.manifest.run_id == trained.run_id
    golden = bundle.manifest.golden
    given = bundle.predict({f.name: [row[f.name] for row in golden.inputs] for f in bundle.manifest.features})
    assert given == pytest.approx(golden.probabilities, abs=1e-5)


def test_models_are_listed_with_their_newest_and_their_production_version(served: Model, trained: Bundle) -> None:
    empty = Model(trained, f"{served.name}-empty")
    listed = {m["name"]: m for m in registry.list_models(served.settings)}
    assert listed[served.name] == {"name": served.name, "newest": 2, "production": "1"}
    assert listed[empty.name] == {"name": empty.name, "newest": None, "production": None}


def test_versions_are_listed_newest_first(served: Model, trained: Bundle) -> None:
    for _ in range(9):
        served.add()
    listed = registry.list_versions(served.settings, served.name)
    assert [v["version"] for v in listed] == list(range(11, 0, -1))
    assert listed[-1]["stage"] == "Production"
    assert listed[-1]["aliases"] == "production"
    assert listed[0]["aliases"] == ""
    assert {v["run_id"] for v in listed} == {trained.run_id}


def test_the_evidence_compares_a_version_with_production(served: Model) -> None:
    shown = registry.evidence(served.settings, served.name, "2")
    assert "| metric | version 2 | production: version 1 |" in shown
    (line,) = [line for line in shown.splitlines() if line.startswith("| roc_auc")]
    _, _, asked, now, _ = line.split("|")
    assert asked == now


def test_the_evidence_of_a_first_version_has_nothing_beside_it(model: Model) -> None:
    model.add()
    shown = registry.evidence(model.settings, model.name, "1")
    assert "production: none |" in shown
    assert "| – |" in shown
    with pytest.raises(ModelNotFound):
        registry.evidence(model.settings, model.name, "2")


def test_an_alias_moved_in_mlflow_is_taken_over(served: Model) -> None:
    served.alias("2")
    assert served.reconcile() == registry.Promotion(served.name, "1", "2", "Production")
    assert served.production == "2"
    assert served.stages == {"1": "Archived", "2": "Production"}
    assert served.ledger[1:] == [("1", "2", "Production", "promoted", "MLflow", "alias", "alias moved in MLflow")]
    assert served.reconcile() is None


@pytest.mark.parametrize("archive", [False, True])
def test_a_stage_changed_in_mlflow_is_taken_over(served: Model, archive: bool) -> None:
    served.stage("2", "Production", archive=archive)
    assert served.reconcile() == registry.Promotion(served.name, "1", "2", "Production")
    assert served.production == "2"
    assert served.stages == {"1": "Archived", "2": "Production"}
    assert served.ledger[1:] == [("1", "2", "Production", "promoted", "MLflow", "stage", "stage changed in MLflow")]
    assert served.reconcile() is None


def test_of_several_versions_staged_the_last_one_counts(served: Model) -> None:
    served.add()
    served.stage("3", "Production")
    served.stage("2", "Production")
    assert served.reconcile().to_version == "2"
    assert served.stages == {"1": "Archived", "2": "Production", "3": "Archived"}


def test_the_first_promotion_may_be_made_in_mlflow(model: Model) -> None:
    model.add()
    assert model.reconcile() is None
    model.alias("1")
    assert model.reconcile() == registry.Promotion(model.name, None, "1", "Production")
    assert model.stages == {"1": "Production"}


def test_an_alias_that_was_deleted_is_given_back(served: Model) -> None:
    served.mlflow.delete_registered_model_alias(served.name, "production")
    assert served.reconcile() is None
    assert served.production == "1"
    assert len(served.ledger) == 1


@pytest.mark.parametrize("stage", ["Archived", "None", "Staging"])
def test_a_stage_that_was_taken_away_is_given_back(served: Model, stage: str) -> None:
    served.stage("1", stage)
    assert served.reconcile() is None
    assert served.stages == {"1": "Production", "2": "None"}
    assert len(served.ledger) == 1


def _flipped(trained: Bundle, name: str) -> dict[str, bytes]:
    files = _files(trained)
    content = bytearray(files[name])
    content[len(content) // 2] ^= 1
    return {**files, name: bytes(content)}


def _files(trained: Bundle) -> dict[str, bytes]:
    return {name: (trained.folder / name).read_bytes() for name in (MANIFEST, MODEL)}


@pytest.fixture
def unusable(served: Model, trained: Bundle, request: pytest.FixtureRequest) -> tuple[str, str]:
    kinds = {
        "altered model": lambda: (served.add_with(_flipped(trained, MODEL)), f"{MODEL} has another checksum"),
        "altered manifest": lambda: (served.add_with(_flipped(trained, MANIFEST)), f"{MANIFEST} has another checksum"),
        "no model": lambda: (served.add_with({MANIFEST: _files(trained)[MANIFEST]}), "cannot be fetched from run"),
        "no bundle": lambda: (served.add_with({}), "cannot be fetched from run"),
        "other checksum": lambda: (served.add(checksum="0" * 64), f"{MANIFEST} has another checksum"),
        "no checksum": lambda: (served.add(checksum=""), f"it has no tag {CHECKSUM_TAG}; train it with this"),
    }
    return kinds[request.param]()


UNUSABLE = ["altered model", "altered manifest", "no model", "no bundle", "other checksum", "no checksum"]


@pytest.mark.parametrize("unusable", UNUSABLE, indirect=True)
def test_what_cannot_be_served_is_refused_and_production_stays(served: Model, unusable: tuple[str, str]) -> None:
    version, reason = unusable
    for stage in ("Staging", "Production"):
        with pytest.raises(BundleRefused, match=f"Version {version} of '{served.name}' cannot be served: .*{reason}"):
            served.promote(version, stage=stage)
    assert served.production == "1"
    assert served.stages == {"1": "Production", "2": "None", version: "None"}
    for stage, entry in zip(("Staging", "Production"), served.ledger[1:], strict=True):
        assert entry[:6] == ("1", version, stage, "refused", "ann", "cli")
        assert entry[6].startswith("better; refused: ")
        assert reason in entry[6]


@pytest.mark.parametrize("how", ["alias", "stage"])
@pytest.mark.parametrize("unusable", ["altered model", "no checksum"], indirect=True)
def test_what_cannot_be_served_is_put_back(served: Model, unusable: tuple[str, str], how: str, caplog) -> None:
    version, _ = unusable
    if how == "alias":
        served.alias(version)
    else:
        served.stage(version, "Production", archive=True)
    with caplog.at_level(logging.ERROR):
        assert served.reconcile() is None
    assert served.production == "1"
    assert served.stages["1"] == "Production"
    assert "Production" not in {**served.stages, "1": ""}.values()
    assert served.ledger[-1][:6] == ("1", version, "Production", "refused", "MLflow", how)
    assert "Put back: version 1." in caplog.text
    entries = len(served.ledger)
    assert served.reconcile() is None
    assert len(served.ledger) == entries


@pytest.mark.parametrize("how", ["alias", "stage"])
def test_a_first_version_that_cannot_be_served_does_not_get_into_production(model: Model, how: str) -> None:
    model.add(checksum="")
    if how == "alias":
        model.alias("1")
    else:
        model.stage("1", "Production")
    assert model.reconcile() is None
    assert model.production is None
    assert "Production" not in model.stages.values()
    assert model.reconcile() is None
    assert [entry[3] for entry in model.ledger] == ["refused"]


def test_a_version_that_cannot_be_served_is_refused_once_where_the_last_one_was_deleted(served: Model) -> None:
    bad = served.add(checksum="")
    served.mlflow.delete_model_version(served.name, "1")
    served.alias(bad)
    assert served.reconcile() is None
    assert served.production is None
    with pytest.raises(ModelNotFound, match="no version 1 of model"):  # what was in production is gone
        served.reconcile()
    assert [entry[3] for entry in served.ledger] == ["promoted", "refused"]
    served.alias("2")
    assert served.reconcile().to_version == "2"


def test_who_asks_for_a_promotion_while_another_one_is_made_gets_a_conflict(served: Model) -> None:
    served.add()
    with pytest.raises(PromotionConflict) as conflict:
        served.promote("3", instead_of="2")
    assert str(conflict.value).startswith(
        f"Version 3 of '{served.name}' was to follow version 2, and by now version 1 is in production."
    )
    with pytest.raises(PromotionConflict, match="was to follow no version, and by now version 1"):
        served.promote("3", instead_of="")
    assert served.production == "1"
    assert len(served.ledger) == 1
    assert served.promote("3", instead_of="1").from_version == "1"
    assert served.promote("3", instead_of="1").to_version == "3"  # it is there, as was wanted


def test_a_promotion_waits_for_the_one_under_way_and_then_does_not_overrun_it(served: Model) -> None:
    served.add()
    with ThreadPoolExecutor(1) as pool, registry.locked(served.settings, served.name) as cursor:
        late = pool.submit(served.promote, "3")
        until_waiting(served.settings)
        promotions.append(cursor, Entry(served.name, "1", "2", "Production", "promoted", "bob", "cli", "first"))
        cursor.connection.commit()
    with pytest.raises(PromotionConflict, match="was to follow version 1, and by now version 2 is in production"):
        late.result()


def until_waiting(settings: Settings) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with connect(settings.database_url) as connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if cursor.fetchone():
                return
        time.sleep(0.02)
    raise AssertionError("nobody waited")


def test_a_rollback_returns_to_the_predecessor_and_a_second_one_goes_back_further(served: Model) -> None:
    served.add()
    served.promote("2")
    served.promote("3")
    assert served.rollback("3 was worse") == registry.Promotion(served.name, "3", "2", "Production")
    assert served.stages == {"1": "Archived", "2": "Production", "3": "Archived"}
    assert served.ledger[-1] == ("3", "2", "Production", "promoted", "ann", "rollback", "3 was worse")
    assert served.rollback("2 too").to_version == "1"
    with pytest.raises(NoPredecessor, match=f"No version of '{served.name}' was in production before"):
        served.rollback("1 too")
    assert served.production == "1"
    served.promote("3")
    assert served.rollback("3 is still worse").to_version == "1"


def test_a_promotion_back_by_hand_is_one_that_can_be_rolled_back(served: Model) -> None:
    served.promote("2")
    served.promote("1")
    assert served.rollback("2 was better").to_version == "2"
    assert served.rollback("no").to_version == "1"


def test_a_rollback_to_what_cannot_be_served_any_more_is_refused(served: Model) -> None:
    served.promote("2")
    served.mlflow.delete_model_version_tag(served.name, "1", CHECKSUM_TAG)
    with pytest.raises(BundleRefused, match="it has no tag bundle_sha256"):
        served.rollback("2 was worse")
    assert served.production == "2"
    served.mlflow.delete_model_version(served.name, "1")
    with pytest.raises(ModelNotFound, match="no version 1 of model"):
        served.rollback("2 was worse")


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE ml.promotions SET actor = 'nobody'",
        "DELETE FROM ml.promotions",
        "TRUNCATE ml.promotions",
        "UPDATE ml.promotions SET actor = 'nobody' WHERE false",
    ],
)
def test_the_ledger_is_only_ever_added_to(served: Model, change: str) -> None:
    before = served.ledger
    with (
        pytest.raises(psycopg2.errors.RaiseException, match=r"ml\.promotions is append-only"),
        connect(served.settings.database_url) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(change)
    assert served.ledger == before


def test_mlflow_that_dies_in_a_promotion_is_no_fault_of_the_version(served: Model, closed_port: str) -> None:
    found = served.mlflow.get_model_version(served.name, "2")
    away = MlflowClient(closed_port, closed_port)
    asked = registry._Asked("Production", "ann", "cli", "better")
    settings = served.settings.model_copy(update={"mlflow_tracking_uri": closed_port})
    with (
        pytest.raises(Unavailable, match=r"^MLflow at .* did not answer: \[Errno 111\] Connection refused"),
        registry.locked(settings, served.name) as cursor,
        registry.client(settings),
    ):
        registry._promote(settings, cursor, away, found, asked)
    assert len(served.ledger) == 1


def test_a_look_at_the_registry_takes_over_what_changed(served: Model) -> None:
    served.alias("2")
    assert look(served.settings) == ""
    assert served.stages == {"1": "Archived", "2": "Production"}


def test_a_look_knows_the_models_that_were_trained_but_never_promoted(trained: Bundle) -> None:
    with connect(trained.settings.database_url) as connection, connection.cursor() as cursor:
        assert "registry-trained" in known_models(cursor)


def test_what_is_wrong_with_one_model_is_said_and_the_others_get_their_turn(
    settings: Settings, trained: Bundle
) -> None:
    settings = settings.model_copy(update={"mlflow_tracking_uri": trained.settings.mlflow_tracking_uri})
    gone, well = (Model(trained, f"registry-look-{name}") for name in ("a", "b"))
    for model in (gone, well):
        model.settings = settings
        model.add()
        model.add()
        model.promote("1")
    gone.mlflow.delete_registered_model(gone.name)
    well.alias("2")

    said = look(settings)

    assert said.startswith("The registry has no version 1 of model 'registry-look-a'.")
    assert well.stages == {"1": "Archived", "2": "Production"}
    assert look(settings) == said


def test_a_look_says_each_time_in_the_same_words_that_mlflow_is_away(served: Model, closed_port: str) -> None:
    away = served.settings.model_copy(update={"mlflow_tracking_uri": closed_port})
    said = look(away)
    assert said.startswith(f"MLflow at {closed_port} did not answer: [Errno 111] Connection refused.")
    assert look(away) == said


def test_a_look_says_that_postgres_is_away(served: Model, tmp_path: Path) -> None:
    away = served.settings.model_copy(update={"database_url": f"postgresql://ml@/ml?host={tmp_path}"})
    assert look(away).startswith("Postgres at postgresql://")


def test_a_look_outlives_what_nobody_thought_of(served: Model, database_url: str) -> None:
    with connect(database_url) as connection, connection.cursor() as cursor:
        cursor.execute("DROP TABLE ml.promotions CASCADE")
    said = look(served.settings.model_copy(update={"database_url": database_url}))
    assert said.startswith("UndefinedTable(")


def test_the_watcher_says_once_what_is_away(served: Model, closed_port: str, caplog) -> None:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    away = served.settings.model_copy(update={"mlflow_tracking_uri": closed_port})
    end = Timer(1.0, os.kill, (os.getpid(), signal.SIGTERM))
    try:
        with caplog.at_level(logging.INFO, logger="ml.promotion.registry_sync"):
            end.start()
            run(away, 0.01)
    finally:
        end.join()
        for number, handler in handlers.items():
            signal.signal(number, handler)
    first, *others = [r.getMessage() for r in caplog.records if r.name == "ml.promotion.registry_sync"]
    assert first == f"Watching the registry at {closed_port} every 0.01 s"
    (problem,) = others
    assert problem.startswith(f"MLflow at {closed_port} did not answer: ")


def test_the_watcher_takes_over_and_ends_when_asked_to(served: Model) -> None:
    served.alias("2")
    environment = {
        **os.environ,
        "ML_DATABASE_URL": served.settings.database_url,
        "ML_MLFLOW_TRACKING_URI": served.settings.mlflow_tracking_uri,
    }
    watcher = subprocess.Popen(
        [sys.executable, "-m", "ml.cli", "registry-sync", "--every", "0.2"],
        cwd=REPOSITORY,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        said = []
        for line in watcher.stderr:
            said.append(line)
            if "is in Production" in line and served.name in line:
                break
        assert said[0].startswith("Watching the registry at http://")
        assert served.production == "2"
        watcher.send_signal(signal.SIGTERM)
        watcher.communicate(timeout=30)
        assert watcher.returncode == 0
    finally:
        watcher.kill()
        watcher.wait()
    assert served.ledger[-1][:6] == ("1", "2", "Production", "promoted", "MLflow", "alias")


def challenge(model, version, mode, percent=0.0):
    return set_challenger(
        model.settings, model.name, version, mode=mode, percent=percent, actor="ann", source="cli", why="try it"
    )


def seen(model):
    """By the service: the setup, and the challenger's version."""
    registry = MlflowRegistry(model.settings.mlflow_tracking_uri, model.name)
    try:
        return registry.setup(), registry.challenger().version
    except NoChallenger:
        return registry.setup(), None


def test_the_service_reads_what_was_set_and_the_ledger_says_who_set_it(served):
    assert seen(served) == (Setup(Mode.OFF), None)
    assert challenge(served, "2", Mode.SHADOW) == Challenge(served.name, "1", "2", Mode.SHADOW, 0)
    assert seen(served) == (Setup(Mode.SHADOW), "2")
    challenge(served, None, Mode.CANARY, 12.5)
    assert seen(served) == (Setup(Mode.CANARY, 12.5), "2")
    challenge(served, None, Mode.OFF)
    assert seen(served) == (Setup(Mode.OFF), "2")
    assert rivals(served.settings, served.name) == ("1", "2")
    assert served.ledger[1:] == [
        ("1", "2", "Challenger", "promoted", "ann", "cli", why)
        for why in ("shadow: try it", "canary, 12.5 %: try it", "off: try it")
    ]
    assert served.production == "1"
    assert served.reconcile() is None


def test_the_promotion_of_the_challenger_ends_the_experiment(served):
    challenge(served, "2", Mode.CANARY, 50)
    served.promote("2")
    assert seen(served) == (Setup(Mode.OFF), None)
    assert served.mlflow.get_registered_model(served.name).tags == {}


@pytest.mark.parametrize("how", ["alias", "stage"])
def test_so_does_one_made_in_mlflow(served, how):
    challenge(served, "2", Mode.SHADOW)
    served.alias("2") if how == "alias" else served.stage("2", "Production")
    assert served.reconcile().to_version == "2"
    assert seen(served) == (Setup(Mode.OFF), None)


def test_the_promotion_of_another_version_leaves_the_experiment_as_it_is(served):
    served.add()
    challenge(served, "2", Mode.CANARY, 50)
    served.promote("3")
    assert seen(served) == (Setup(Mode.CANARY, 50), "2")


def test_a_challenger_that_cannot_be_served_is_refused_and_noted(served):
    bad = served.add(checksum="")
    challenge(served, "2", Mode.SHADOW)
    with pytest.raises(BundleRefused, match="it has no tag bundle_sha256"):
        challenge(served, bad, Mode.CANARY, 10)
    assert seen(served) == (Setup(Mode.SHADOW), "2")
    assert served.ledger[-1][:4] == ("1", bad, "Challenger", "refused")


@pytest.mark.parametrize(
    ("version", "mode", "percent", "error"),
    [
        ("1", Mode.SHADOW, 0, ConfigError),
        ("2", Mode.CANARY, 0, ConfigError),
        ("2", Mode.CANARY, 100.5, ConfigError),
        ("2", Mode.CANARY, float("nan"), ConfigError),
        ("7", Mode.SHADOW, 0, ModelNotFound),
        (None, Mode.SHADOW, 0, NoChallenger),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(served, version, mode, percent, error):
    with pytest.raises(error):
        challenge(served, version, mode, percent)
    assert seen(served) == (Setup(Mode.OFF), None)
    assert len(served.ledger) == 1


def test_off_is_possible_at_any_time(served):
    challenge(served, None, Mode.OFF)
    challenge(served, "2", Mode.CANARY, 5)
    served.mlflow.delete_model_version(served.name, "2")
    challenge(served, None, Mode.OFF)
    assert read_tags(served.mlflow.get_registered_model(served.name).tags) == Setup(Mode.OFF)
    with pytest.raises(ModelNotFound):
        set_challenger(
            served.settings, "no such model", "1", mode=Mode.OFF, actor="ann", source="cli", why=experiment.ALIAS
        )


def test_what_passed_the_gate_is_named_challenger_and_gets_no_traffic(served):
    assert nominate(served.settings, served.name, "2", why="gate passed")
    assert seen(served) == (Setup(Mode.OFF), "2")
    assert served.ledger[1:] == [("1", "2", "Challenger", "promoted", "gate", "gate", "gate passed")]
    assert nominate(served.settings, served.name, "2", why="again")
    assert len(served.ledger) == 2
    assert served.production == "1"


def test_a_nomination_leaves_an_experiment_production_and_what_is_newer_alone(served):
    served.add()
    challenge(served, "2", Mode.SHADOW)
    assert not nominate(served.settings, served.name, "3", why="")
    assert seen(served) == (Setup(Mode.SHADOW), "2")
    challenge(served, None, Mode.OFF)
    assert nominate(served.settings, served.name, "3", why="")
    assert not nominate(served.settings, served.name, "2", why="")
    assert not nominate(served.settings, served.name, "1", why="")
    assert seen(served) == (Setup(Mode.OFF), "3")
