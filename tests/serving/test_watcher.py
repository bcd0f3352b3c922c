"""A promotion is followed; whatever goes wrong, the version that serves goes on and the reason is kept."""

import json
import os

import pytest

from ml.errors import Unavailable
from serving.cache import BundleCache
from serving.watcher import Watcher
from tests.serving import bundles
from tests.serving.fakes import MODEL

AWAY = Unavailable("MLflow", "http://mlflow", "connection refused")


@pytest.fixture
def cache(tmp_path):
    return BundleCache(tmp_path / "cache", MODEL)


@pytest.fixture
def watcher(registry, cache):
    watcher = Watcher(registry, cache, MODEL)
    watcher.look()
    return watcher


def restarted(registry, cache):
    watcher = Watcher(registry, cache, MODEL)
    watcher.look()
    return watcher


def test_a_promotion_is_followed_and_a_rollback_gives_the_same_probabilities(watcher, registry, contract):
    values = bundles.example(contract)
    registry.register("2", bias=-1)
    first = watcher.serving().predict(values).probability
    registry.promote("2")
    watcher.look()
    assert watcher.serving().version == "2"
    assert watcher.serving().predict(values).probability == pytest.approx(bundles.probability(contract, values, -1))
    registry.promote("1")
    watcher.look()
    assert watcher.serving().predict(values).probability == first
    assert registry.fetched == ["1", "2"]


def test_a_version_that_serves_is_not_loaded_again(watcher, registry):
    model = watcher.serving()
    watcher.look()
    assert watcher.serving() is model


def spoil_model(folder):
    content = bytearray((folder / "model.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "model.onnx").write_bytes(content)


def spoil_manifest(folder):
    with (folder / "manifest.json").open("a") as file:
        file.write(" ")


def remove_model(folder):
    (folder / "model.onnx").unlink()


@pytest.mark.parametrize("spoil", [spoil_model, spoil_manifest, remove_model])
def test_p2_a_corrupt_bundle_is_refused_and_the_old_version_goes_on(watcher, registry, spoil):
    spoil(registry.register("2"))
    registry.promote("2")
    watcher.look()
    assert watcher.serving().version == "1"
    assert "cannot be served" in str(watcher.standing.problem)


def test_a_model_that_fails_its_golden_rows_is_refused(watcher, registry):
    folder = registry.register("2")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["golden"]["probabilities"][3] += 0.01
    rewrite(registry, folder, manifest)
    watcher.look()
    assert watcher.serving().version == "1"
    assert str(watcher.standing.problem) == (
        "Version 2 of 'test-model' cannot be served: on its golden rows it is off by 0.01; 1e-05 is allowed."
    )


def test_a_bundle_of_another_model_is_refused(watcher, registry):
    folder = registry.register("2")
    manifest = json.loads((folder / "manifest.json").read_text())
    rewrite(registry, folder, {**manifest, "model_name": "other"})
    watcher.look()
    assert (
        str(watcher.standing.problem) == "Version 2 of 'test-model' cannot be served: its bundle is of model 'other'."
    )


def rewrite(registry, folder, manifest):
    """A bundle that was registered as it is, whatever it says."""
    import dataclasses
    import hashlib

    text = json.dumps(manifest).encode()
    (folder / "manifest.json").write_bytes(text)
    version = dataclasses.replace(registry._versions["2"], bundle_sha256=hashlib.sha256(text).hexdigest())
    registry._versions["2"] = version
    registry.promote("2")


def test_a_refused_version_is_not_fetched_at_each_look(watcher, registry):
    spoil_model(registry.register("2"))
    registry.promote("2")
    watcher.look()
    watcher.look()
    assert registry.fetched == ["1", "2"]
    assert "Version 2 of" in str(watcher.standing.problem)


def test_after_a_refused_version_a_good_one_is_followed(watcher, registry):
    spoil_model(registry.register("2"))
    registry.register("3")
    for version in ("2", "3"):
        registry.promote(version)
        watcher.look()
    assert watcher.serving().version == "3"
    assert watcher.standing.problem is None


@pytest.mark.parametrize("what", ["registry away", "alias removed"])
def test_without_an_answer_the_version_that_serves_goes_on(watcher, registry, what):
    registry.promote(None)
    registry.error = AWAY if what == "registry away" else None
    watcher.look()
    assert watcher.serving().version == "1"
    assert ("did not answer" if registry.error else "has no production version") in str(watcher.standing.problem)


def test_it_starts_from_the_cache_where_the_registry_talks_nonsense(watcher, registry, cache):
    registry.error = ValueError("no JSON")
    assert restarted(registry, cache).serving().version == "1"


def test_it_starts_from_the_cache_without_a_registry(watcher, registry, cache):
    registry.error = AWAY
    again = restarted(registry, cache)
    assert again.serving().version == "1"
    assert again.standing.problem is AWAY


def test_it_starts_with_the_last_good_version_where_production_is_refused(watcher, registry, cache):
    spoil_model(registry.register("2"))
    registry.promote("2")
    assert restarted(registry, cache).serving().version == "1"


def test_a_cache_that_was_tampered_with_is_not_served(watcher, registry, cache, tmp_path):
    spoil_model(next((tmp_path / "cache").glob("*/*/model.onnx")).parent)
    registry.error = AWAY
    assert restarted(registry, cache).standing.model is None


def test_a_bad_cached_bundle_is_fetched_again(watcher, registry, cache, tmp_path):
    spoil_model(next((tmp_path / "cache").glob("*/*/model.onnx")).parent)
    assert restarted(registry, cache).serving().version == "1"
    assert registry.fetched == ["1", "1"]


def test_a_rollback_to_a_version_whose_cached_bundle_went_bad_is_followed_at_once(watcher, registry, tmp_path):
    (first,) = (p.parent for p in (tmp_path / "cache").glob("*/*/model.onnx"))
    registry.register("2", bias=-1)
    registry.promote("2")
    watcher.look()
    spoil_model(first)
    registry.promote("1")
    watcher.look()
    assert (watcher.serving().version, watcher.standing.problem) == ("1", None)
    assert registry.fetched == ["1", "2", "1"]


def test_the_version_before_is_kept_for_a_rollback_by_a_restart_and_by_a_second_process(watcher, registry, cache):
    other = restarted(registry, cache)
    registry.register("2", bias=-1)
    registry.promote("2")
    watcher.look()
    other.look()
    restarted(registry, cache)
    registry.promote("1")
    watcher.look()
    assert watcher.serving().version == "1"
    assert registry.fetched == ["1", "2"]


def test_what_a_killed_process_left_half_fetched_is_removed_once_it_is_old(watcher, registry, tmp_path):
    (folder,) = (tmp_path / "cache").iterdir()
    for name in (".part-old", ".part-young"):
        (folder / name).mkdir()
    os.utime(folder / ".part-old", (0, 0))
    registry.register("2")
    registry.promote("2")
    watcher.look()
    assert [p.name for p in folder.glob(".part-*")] == [".part-young"]


def test_the_cache_keeps_the_version_that_serves_and_the_one_before(watcher, registry, tmp_path):
    for version in ("2", "3"):
        registry.register(version, bias=int(version))
        registry.promote(version)
        watcher.look()
    kept = {json.loads(p.read_text())["run_id"] for p in (tmp_path / "cache").glob("*/*/manifest.json")}
    assert kept == {"run-2", "run-3"}


def test_a_model_name_cannot_leave_the_cache_folder(tmp_path, registry):
    watcher = Watcher(registry, BundleCache(tmp_path / "cache", "../../escaped"), MODEL)
    watcher.look()
    assert [p.name for p in (tmp_path / "cache").iterdir()] == ["..%2F..%2Fescaped"]
