"""Bundles that are well, and all the ways in which they are not."""

import hashlib
import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ml.bundle import MANIFEST, MODEL, load_bundle
from ml.contract import Contract, load_contract
from ml.errors import BundleRefused
from tests.serving import bundles
from tests.trained import CHURN

CONTRACT: Contract = load_contract(CHURN / "customer_churn" / "contract.yaml")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    bundles.build(tmp_path, CONTRACT, model_name="churn-model", run_id="r1")
    return tmp_path


def _checksum(folder: Path) -> str:
    return hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()


def _edit(folder: Path, change: Callable[[dict], object]) -> None:
    document = json.loads((folder / MANIFEST).read_text())
    change(document)
    (folder / MANIFEST).write_text(json.dumps(document))


def _columns(rows: list[dict]) -> dict[str, list]:
    return {c.name: [row[c.name] for row in rows] for c in CONTRACT.model_features()}


def test_a_bundle_predicts_rows_given_by_column(folder: Path) -> None:
    bundle = load_bundle(folder, _checksum(folder))
    rows = [bundles.example(CONTRACT), {**bundles.example(CONTRACT), "Age Years": 18, "region": None}]
    given = bundle.predict({**_columns(rows), "client.id": ["a", "b"]})
    assert given.tolist() == pytest.approx([bundles.probability(CONTRACT, row, 0.0) for row in rows], abs=1e-6)


def test_null_may_be_written_in_several_ways(folder: Path) -> None:
    bundle = load_bundle(folder, None)
    example = bundles.example(CONTRACT)
    one = bundle.predict(_columns([{**example, "signal.min": None, "region": None}]))
    other = bundle.predict(_columns([{**example, "signal.min": math.nan, "region": ""}]))
    assert one == other


def test_arrays_are_taken_and_left_as_they_were(folder: Path) -> None:
    bundle = load_bundle(folder, None)
    columns = _columns([{**bundles.example(CONTRACT), "region": None}] * 3)
    arrays = {n: np.array(v, dtype=float if CONTRACT.column(n).is_numeric else object) for n, v in columns.items()}
    assert bundle.predict(arrays).tolist() == bundle.predict(columns).tolist()
    assert arrays["region"].tolist() == [None] * 3


def test_no_rows_give_no_probabilities(folder: Path) -> None:
    assert load_bundle(folder, None).predict(_columns([])).shape == (0,)


def test_a_missing_feature_is_named(folder: Path) -> None:
    columns = _columns([bundles.example(CONTRACT)])
    del columns["data.mb"]
    with pytest.raises(KeyError, match=r"data\.mb"):
        load_bundle(folder, None).predict(columns)


@pytest.mark.parametrize("place", [0, 0.25, 0.5, 0.75, 0.999])
@pytest.mark.parametrize("name", [MANIFEST, MODEL])
def test_one_altered_byte_is_enough_to_be_refused(folder: Path, name: str, place: float) -> None:
    checksum = _checksum(folder)
    content = bytearray((folder / name).read_bytes())
    content[int(place * len(content))] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(BundleRefused, match=f"{name} has another checksum"):
        load_bundle(folder, checksum)


@pytest.mark.parametrize("name", [MANIFEST, MODEL])
def test_a_file_that_is_not_there_is_named(folder: Path, name: str) -> None:
    checksum = _checksum(folder)
    (folder / name).unlink()
    with pytest.raises(BundleRefused, match=rf"{name} is not there \(No such file or directory\)"):
        load_bundle(folder, checksum)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda m: m.update(format=2), "manifest.json cannot be read: format: Input should be 1"),
        (lambda m: m.pop("threshold"), "manifest.json cannot be read: threshold: Field required"),
        (lambda m: m.update(code="x"), "manifest.json cannot be read: code: Extra inputs are not permitted"),
        (lambda m: m.update(features=[]), "manifest.json cannot be read: features: Tuple should have at least 1 item"),
        (lambda m: m["golden"].update(inputs=[]), "manifest.json cannot be read: golden.inputs: Tuple should have"),
        (lambda m: m["features"].pop(), "model.onnx has not the inputs and outputs that manifest.json names"),
        (lambda m: m["golden"]["probabilities"].__setitem__(0, 0.9), "on its golden rows it is off by 0."),
        (lambda m: m["golden"]["probabilities"].__setitem__(0, math.nan), "on its golden rows it is off by nan"),
        (lambda m: m["golden"]["probabilities"].pop(), "it cannot predict its golden rows: ValueError"),
        (lambda m: m["golden"]["inputs"][0].pop("region"), "it cannot predict its golden rows: KeyError"),
        (lambda m: m["features"][0].update(kind="category"), "it cannot predict its golden rows: "),
        (lambda m: m["features"][-1].update(kind="number"), "it cannot predict its golden rows: ValueError"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(folder: Path, change, reason: str) -> None:
    _edit(folder, change)
    with pytest.raises(BundleRefused) as refused:
        load_bundle(folder, _checksum(folder))
    assert refused.value.reason.startswith(reason)


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x09"])
def test_a_model_that_is_none_is_refused(folder: Path, content: bytes) -> None:
    (folder / MODEL).write_bytes(content)
    _edit(folder, lambda m: m.update(onnx_sha256=hashlib.sha256(content).hexdigest()))
    with pytest.raises(BundleRefused, match=r"model\.onnx cannot be loaded: "):
        load_bundle(folder, _checksum(folder))


@pytest.mark.parametrize("content", ["", "{", "[]", "null"])
def test_a_manifest_that_is_none_is_refused(folder: Path, content: str) -> None:
    (folder / MANIFEST).write_text(content)
    with pytest.raises(BundleRefused, match=r"manifest\.json cannot be read: it: "):
        load_bundle(folder, _checksum(folder))
