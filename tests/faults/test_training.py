"""T1 to T4: data that cannot be learnt from, a training that is killed, MLflow or its object store away."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg2
import pytest
from mlflow import MlflowClient

from ml.errors import BundleRefused, NoProductionModel, NotEnoughData, Unavailable
from ml.registry import production_version, promote
from ml.settings import Settings
from ml.train import train
from ml.training.leftovers import clear_leftovers
from ml.training.registration import CHECKSUM_TAG
from ml.use_case import UseCase
from tests.conftest import REPOSITORY
from tests.faults.servers import ACCESS, BUCKET, Cable, Mlflow, ObjectStore, until
from tests.trained import churn, make_settings, prepare
from tests.use_cases.customer_churn.make_data import draw

ROWS = 400
_numbers = count()


@dataclass
class World:
    """A use case with features, and an MLflow of the test's own."""

    settings: Settings
    use_case: UseCase
    mlflow: Mlflow

    @property
    def client(self) -> MlflowClient:
        return MlflowClient(self.mlflow.address, self.mlflow.address)

    def running(self):
        return [r for r in self.runs() if r.info.status == "RUNNING"]

    def runs(self):
        experiment = self.client.get_experiment_by_name(self.use_case.config.experiment)
        return self.client.search_runs([experiment.experiment_id]) if experiment else []

    def versions(self):
        return self.client.search_model_versions(f"name = '{self.use_case.config.model_name}'")

    def start_training(self) -> subprocess.Popen[str]:
        """In a process of its own, as a task of Airflow is."""
        environment = os.environ | {
            "ML_DATABASE_URL": self.settings.database_url,
            "ML_MLFLOW_TRACKING_URI": self.settings.mlflow_tracking_uri,
            "ML_USE_CASES_DIR": str(self.settings.use_cases_dir),
            "ML_STATE_DIR": str(self.settings.state_dir),
        }
        command = [sys.executable, "-m", "ml.cli", "train", "--use-case", self.use_case.name, "--candidate", "linear"]
        return subprocess.Popen(
            command, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def train(self):
        return train(self.settings, self.use_case, candidates=["linear"])

    def production(self) -> str | None:
        try:
            return production_version(self.settings, self.use_case.config.model_name).version
        except NoProductionModel:
            return None


@pytest.fixture
def mlflow(tmp_path):
    server = Mlflow(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def world(postgres, mlflow, tmp_path) -> World:
    return make_world(postgres, mlflow, tmp_path)


def make_world(postgres, mlflow: Mlflow, folder: Path) -> World:
    use_case = churn(folder, ROWS)
    settings = make_settings(postgres, mlflow.address, folder, f"training_{next(_numbers)}")
    prepare(settings, use_case)
    return World(settings, use_case, mlflow)


@pytest.mark.parametrize("what", ["one class", "few rows"])
def test_t1_what_cannot_be_learnt_from_is_said_and_makes_no_version(postgres, mlflow_server, tmp_path, what) -> None:
    use_case = churn(tmp_path, 0, f"t1-{what[:3]}")
    rows = draw(400) if what == "one class" else draw(100)
    if what == "one class":
        rows["churned"], rows["exit.survey"] = 0, None
    rows.to_csv(use_case.landing / "clients.csv", sep=use_case.contract.file.delimiter, index=False)
    settings = make_settings(postgres, mlflow_server, tmp_path, f"training_{next(_numbers)}")
    prepare(settings, use_case)
    started = time.monotonic()
    with pytest.raises(NotEnoughData, match="No version was made") as said:
        train(settings, use_case)
    seconds = time.monotonic() - started
    print(f"\nT1, {what}: {seconds:.1f} s, {said.value}")
    assert seconds < 60
    registry = MlflowClient(mlflow_server, mlflow_server)
    assert registry.search_model_versions(f"name = '{use_case.config.model_name}'") == []


@pytest.mark.fault
@pytest.mark.parametrize("moment", ["while it fits", "between version and checksum"])
def test_t2_after_a_kill_in_mid_training_the_retry_yields_one_version_and_no_run_is_left_running(world, moment):
    with held(world) if moment != "while it fits" else contextlib.nullcontext():
        training = world.start_training()
        until(lambda: world.running() if moment == "while it fits" else world.versions())
        training.send_signal(signal.SIGKILL)
        training.communicate()
    assert training.returncode == -signal.SIGKILL
    left = len(world.running()), len(world.versions())
    assert left in ((1, 0), (0, 1))
    result = world.train()
    (version,) = world.versions()
    assert version.version == result.model_version
    assert len(version.tags[CHECKSUM_TAG]) == 64
    assert world.running() == []
    statuses = sorted(r.info.status for r in world.runs())
    print(f"\nT2, killed {moment}: left {left[0]} running, {left[1]} unfinished; after the retry 1 version, {statuses}")
    assert statuses == (["FINISHED", "KILLED"] if left[0] else ["FINISHED", "FINISHED"])
    promote(world.settings, version.name, str(version.version), actor="ann", source="cli", why="T2")


@contextlib.contextmanager
def held(world):
    """While the table of evidence is locked, a training waits between its version and the checksum of it."""
    connection = psycopg2.connect(world.settings.database_url)
    try:
        connection.cursor().execute("LOCK TABLE ml.training_data IN ACCESS EXCLUSIVE MODE")
        yield
    finally:
        connection.close()


@pytest.mark.fault
def test_t2_a_training_that_lives_is_not_taken_for_dead(world):
    with held(world):
        training = world.start_training()
        until(world.versions)
        found = clear_leftovers(world.settings, world.use_case)
        assert (found.runs, found.versions) == ([], [])
    _, said = training.communicate(timeout=120)
    assert training.returncode == 0, said
    (version,) = world.versions()
    assert CHECKSUM_TAG in version.tags


@pytest.mark.fault
@pytest.mark.parametrize("when", ["before", "during"])
def test_t3_mlflow_away_is_named_within_two_minutes_and_production_stays(world, when):
    first = world.train()
    promote(world.settings, first.model_name, first.model_version, actor="ann", source="cli", why="T3")
    started = time.monotonic()
    if when == "before":
        world.mlflow.kill()
        training = world.start_training()
    else:
        training = world.start_training()
        until(world.running, pause=0.01)
        world.mlflow.kill()
        started = time.monotonic()
    _, said = training.communicate(timeout=150)
    seconds = time.monotonic() - started
    (line,) = [line for line in said.splitlines() if line.startswith("Error: ")]
    print(f"\nT3, MLflow killed {when} training: failed after {seconds:.1f} s: {line}")
    assert training.returncode == 1
    assert line.startswith(f"Error: MLflow at {world.mlflow.address} did not answer: ")
    assert seconds < 120
    world.mlflow.start()
    assert world.production() == first.model_version
    assert len(world.versions()) == 1
    again = world.train()
    assert int(again.model_version) == int(first.model_version) + 1
    assert world.running() == []


@pytest.mark.fault
def test_t3_an_mlflow_that_hangs_is_given_up_within_two_minutes(world):
    training = world.start_training()
    until(world.running, pause=0.01)
    world.mlflow.send(signal.SIGSTOP)
    started = time.monotonic()
    try:
        _, said = training.communicate(timeout=200)
        seconds = time.monotonic() - started
    finally:
        world.mlflow.send(signal.SIGCONT)
    (line,) = [line for line in said.splitlines() if line.startswith("Error: ")]
    print(f"\nT3, MLflow hangs during training: failed after {seconds:.1f} s: {line}")
    assert line.startswith(f"Error: MLflow at {world.mlflow.address} did not answer: ")
    assert seconds < 120


@pytest.fixture
def cut_off(postgres, tmp_path):
    """A world whose MLflow keeps its artifacts in an object store, at the end of a cable."""
    store = ObjectStore(tmp_path)
    store.start()
    cable = Cable(store.port)
    environment = {**ACCESS, "MLFLOW_S3_ENDPOINT_URL": f"http://127.0.0.1:{cable.port}", "AWS_MAX_ATTEMPTS": "2"}
    mlflow = Mlflow(tmp_path, artifacts=f"s3://{BUCKET}/mlflow", environment=environment)
    try:
        mlflow.start()
        yield make_world(postgres, mlflow, tmp_path), store, cable
    finally:
        mlflow.kill()
        store.kill()
        cable.close()


@pytest.mark.fault
@pytest.mark.parametrize("file", ["model.onnx", "model_card.html"])
def test_t4_a_version_whose_upload_was_cut_off_is_never_promoted_and_the_retry_succeeds(cut_off, file):
    world, store, cable = cut_off
    cable.cut_after(f"{file} HTTP".encode())
    started = time.monotonic()
    with pytest.raises(Unavailable, match=r"^MLflow at ") as said:
        world.train()
    seconds = time.monotonic() - started
    assert cable.is_cut
    assert cable.sent_before_the_cut > 0
    assert world.versions() == []
    (run,) = world.runs()
    # A person who registers what is there in MLflow's pages gets no further.
    name = world.use_case.config.model_name
    world.client.create_registered_model(name)
    made = world.client.create_model_version(name, f"runs:/{run.info.run_id}/model", run.info.run_id)
    with pytest.raises(BundleRefused, match=f"it has no tag {CHECKSUM_TAG}"):
        promote(world.settings, name, made.version, actor="ann", source="cli", why="T4")
    cable.mend()
    world.client.set_model_version_tag(name, made.version, CHECKSUM_TAG, "0" * 64)
    with pytest.raises(BundleRefused):
        promote(world.settings, name, made.version, actor="ann", source="cli", why="T4")
    assert world.production() is None
    result = world.train()
    promote(world.settings, name, result.model_version, actor="ann", source="cli", why="T4")
    assert world.production() == result.model_version
    keys = [o["Key"] for o in store.client().list_objects_v2(Bucket=BUCKET)["Contents"]]
    assert any(key.endswith(f"{result.run_id}/artifacts/serving/model.onnx") for key in keys)
    print(f"\nT4, cut off in {file}: failed after {seconds:.1f} s, {said.value}; the retry is in production")


@pytest.mark.fault
def test_t4_leftovers_are_found_by_cleanup(cut_off):
    world, _, cable = cut_off
    with held(world):
        training = world.start_training()
        until(world.versions)
        cable.cut_after(b"PUT")
        training.send_signal(signal.SIGKILL)
        training.communicate()
    (version,) = world.versions()
    run = world.client.create_run(
        world.client.get_experiment_by_name(world.use_case.config.experiment).experiment_id,
        tags={"use_case": world.use_case.name, "training": "2020-01-01T00:00:00+00:00"},
    )
    other = world.client.create_run(run.info.experiment_id, tags={"use_case": world.use_case.name})
    found = clear_leftovers(world.settings, world.use_case)
    assert found.runs == [run.info.run_id]
    assert found.versions == [f"{version.name}/{version.version}"]
    assert world.versions() == []
    assert world.client.get_run(run.info.run_id).info.status == "KILLED"
    assert world.client.get_run(other.info.run_id).info.status == "RUNNING"  # not one of a training
    again = clear_leftovers(world.settings, world.use_case)
    assert (again.runs, again.versions) == ([], [])
