"""X4: a pickle in an artifact never runs, whatever it calls itself; the version is refused."""

import dataclasses
import hashlib
import json
import pickle

import pytest

from ml.use_case import load_use_case
from serving.cache import BundleCache
from serving.watcher import Watcher
from tests.conftest import REPOSITORY
from tests.serving.fakes import MODEL, FolderRegistry


class Canary:
    """Makes a file where it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.fixture
def canary(tmp_path):
    path = tmp_path / "ran"
    pickle.loads(pickle.dumps(Canary(path))).close()
    assert path.exists()  # it does sing
    path.unlink()
    return path


@pytest.fixture
def registry(tmp_path):
    registry = FolderRegistry(
        tmp_path / "registry", load_use_case(REPOSITORY / "tests" / "use_cases", "customer_churn").contract
    )
    registry.register("1")
    registry.promote("1")
    return registry


def as_model(folder, content):
    """In place of the model, with its checksum in the manifest."""
    (folder / "model.onnx").write_bytes(content)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["onnx_sha256"] = hashlib.sha256(content).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


def as_manifest(folder, content):
    (folder / "manifest.json").write_bytes(content)


@pytest.mark.parametrize("put", [as_model, as_manifest])
def test_x4_a_pickle_with_the_right_checksum_never_runs_and_is_refused(tmp_path, registry, canary, put):
    watcher = Watcher(registry, BundleCache(tmp_path / "cache", MODEL), MODEL)
    watcher.look()
    folder = registry.register("2")
    put(folder, pickle.dumps(Canary(canary)))
    registry.promote("2")
    # It was registered as it is: the checksum is no help.
    checksum = hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
    registry._versions["2"] = dataclasses.replace(registry._versions["2"], bundle_sha256=checksum)
    watcher.look()
    assert watcher.standing.model.version == "1"
    assert "Version 2 of 'test-model' cannot be served" in str(watcher.standing.problem)
    assert not canary.exists()
    print(f"X4 ({put.__name__}): {watcher.standing.problem}")


def test_x4_pickles_beside_the_model_are_never_read(tmp_path, registry, canary):
    folder = registry.register("2")
    for name in ("model.pkl", "model.joblib", "python_model.pkl", "golden.npy", "sitecustomize.py"):
        (folder / name).write_bytes(pickle.dumps(Canary(canary)))
    registry.promote("2")
    watcher = Watcher(registry, BundleCache(tmp_path / "cache", MODEL), MODEL)
    watcher.look()
    assert watcher.serving().version == "2"
    assert not canary.exists()
