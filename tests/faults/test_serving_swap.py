"""S1, P2, P3: promotions in a real MLflow, good and bad, while clients ask without a break."""

import itertools

import httpx
import pytest
from mlflow import MlflowClient

from tests.faults.load import load
from tests.faults.versions import Versions
from tests.serving.fakes import serving_settings
from tests.serving.process import ask, memory, started, until, version

SWAPS = 50
SWAP_SECONDS = 10
_numbers = itertools.count()


@pytest.fixture
def versions(mlflow_server, contract, tmp_path):
    """Two good versions, the first in production."""
    versions = Versions(MlflowClient(mlflow_server, mlflow_server), f"swapped {next(_numbers)}", contract, tmp_path)
    for _ in range(2):
        versions.register()
    versions.promote("1")
    return versions


@pytest.fixture
def settings(tmp_path, serving_database_url, mlflow_server, versions):
    changed = {"model_name": versions.name, "mlflow_tracking_uri": mlflow_server, "poll_seconds": 0.2}
    return serving_settings(tmp_path, serving_database_url).model_copy(update=changed)


def check(versions, outcome):
    """No request failed, and each reply is that of the version it names."""
    assert outcome.statuses.keys() == {200}
    assert (outcome.cut, outcome.refused) == (0, 0)
    for reply in outcome.replies:
        assert reply.body["probability"] == pytest.approx(versions.probability(reply.body["model_version"]), abs=1e-6)


@pytest.mark.fault
def test_s1_fifty_swaps_under_load(versions, settings, tmp_path, payload):
    with started(settings, tmp_path / "log") as (url, process):
        until(lambda: version(url) == "1", 30)
        seconds = []

        def swap(number):
            versions.promote(number)
            seconds.append(until(lambda: version(url) == number, SWAP_SECONDS))

        with load(url, payload, pause=0.005) as outcome:
            for number in ["2", "1"] * 5:  # until both models and the load have taken their memory
                swap(number)
            before = memory(process, "VmRSS")
            for number in ["2", "1"] * (SWAPS // 2):
                swap(number)
            growth = memory(process, "VmRSS") / before - 1
    by_version = {v: sum(r.body["model_version"] == v for r in outcome.replies) for v in ("1", "2")}
    print(
        f"\nS1: {SWAPS} swaps under load, the slowest in {max(seconds):.1f} s: {len(outcome.replies)} replies"
        f" (by version: {by_version}), {len(outcome.replies) - outcome.statuses[200]} failed, memory {growth:+.1%}"
    )
    check(versions, outcome)
    assert growth < 0.05


def cut_off(folder):
    path = folder / "model.onnx"
    path.write_bytes(path.read_bytes()[:100])


def flip_a_bit(folder):
    content = bytearray((folder / "model.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "model.onnx").write_bytes(content)


def lose(folder):
    (folder / "model.onnx").unlink()


def change_the_manifest(folder):
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace('"threshold": 0.5', '"threshold": 0.4'))


def test_p2_no_bad_version_is_served_and_the_good_one_answers_all_meanwhile(versions, settings, tmp_path, payload):
    bad = [versions.register(spoil) for spoil in (cut_off, flip_a_bit, lose, change_the_manifest)]
    bad.append(versions.register(checksum="0" * 64))
    with started(settings, tmp_path / "log") as (url, _):
        until(lambda: version(url) == "1", 30)
        with load(url, payload, pause=0.005) as outcome:
            reasons = [refused(url, versions, number) for number in bad]
            versions.promote("2")
            until(lambda: version(url) == "2", SWAP_SECONDS)
    print(
        f"\nP2: {len(bad)} bad versions refused, {len(outcome.replies)} replies meanwhile,"
        f" {len(outcome.replies) - outcome.statuses[200]} failed. Reasons:",
        *reasons,
        sep="\n  ",
    )
    check(versions, outcome)
    assert {reply.body["model_version"] for reply in outcome.replies} <= {"1", "2"}


def refused(url, versions, number):
    """Promote a version and wait for what is said against it."""
    versions.promote(number)

    def reason():
        said = [p for p in ask(f"{url}/ready").json()["problems"] if f"Version {number} of" in p]
        return said[0] if said else ""

    until(reason, SWAP_SECONDS)
    assert version(url) == "1"
    return reason()


def test_p3_each_worker_follows_a_promotion_and_a_rollback_to_the_same_bits(versions, settings, tmp_path, payload):
    log = tmp_path / "log"
    with started(settings.model_copy(update={"workers": 2}), log) as (url, _):
        until(lambda: swaps(log, "1") == 2, 30)
        first = golden(url, versions)
        with load(url, payload, pause=0.005) as outcome:
            seconds = []
            for number in ("2", "1"):
                before = swaps(log, number)
                versions.promote(number)
                seconds.append(until(lambda n=number, b=before: swaps(log, n) == b + 2, SWAP_SECONDS))
        again = golden(url, versions)
    print(
        f"\nP3: both workers followed the promotion in {seconds[0]:.1f} s, the rollback in {seconds[1]:.1f} s;"
        f" {len(outcome.replies)} replies, {len(outcome.replies) - outcome.statuses[200]} failed;"
        f" {sum(map(len, first))} golden predictions, {sum(a != b for a, b in zip(first, again, strict=True))} changed"
    )
    check(versions, outcome)
    assert again == first
    assert all(len(probabilities) == 1 for probabilities in first)  # the workers agree
    assert len(set.union(*first)) > 1


def swaps(log, number):
    """How often a worker has said that it serves the version now."""
    return log.read_text().count(f"version {number} of ")


def golden(url, versions):
    """For each golden row the probabilities given to it, on four connections one after the other."""
    return [
        {
            httpx.post(f"{url}/v1/predict", json={"input": row}, verify=False).json()["probability"]  # plain HTTP
            for _ in range(4)
        }
        for row in versions.golden
    ]
