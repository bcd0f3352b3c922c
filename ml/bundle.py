"""A version's serving bundle: the model as ONNX, and a manifest that says what it is.

Nothing in it is unpickled. The manifest holds the checksum of the model, the registry holds
that of the manifest, so a bundle is either what training registered or it is refused.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
import onnxruntime
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ml.contract import Contract
from ml.errors import BundleRefused
from ml.field_value import Value

MANIFEST = "manifest.json"
MODEL = "model.onnx"
PROBABILITIES = "probabilities"
"""Output of the model: one row each of the probabilities of class 0 and of class 1, the positive one."""
GOLDEN_TOLERANCE = 1e-5
"""By how much a probability may differ between the machine that trained and one that serves."""

Probabilities = npt.NDArray[np.float32]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


class ModelInput(_Strict):
    """One feature and the tensor it enters by, ``[N, 1]`` of float32 or of strings."""

    name: str
    input: str
    kind: Literal["number", "category"]


class Golden(_Strict):
    """Rows of the hold-out with the probabilities they had when the version was registered."""

    inputs: Annotated[tuple[dict[str, Value], ...], Field(min_length=1)]
    probabilities: tuple[float, ...]


class Manifest(_Strict):
    """What a bundle is; ``manifest.json``."""

    format: Literal[1] = 1
    use_case: str
    model_name: str
    run_id: str
    features: Annotated[tuple[ModelInput, ...], Field(min_length=1)]
    threshold: float
    contract: Contract
    metrics: dict[str, float]
    n_train: int
    n_test: int
    snapshot_id: str
    trained_at: dt.datetime
    onnx_sha256: str
    golden: Golden


class Bundle:
    """A bundle that was verified and is ready to predict. Build it with :func:`load_bundle`."""

    def __init__(self, manifest: Manifest, session: onnxruntime.InferenceSession) -> None:
        self.manifest = manifest
        self._session = session

    def predict(self, columns: Mapping[str, Sequence[Value] | npt.NDArray[np.generic]]) -> Probabilities:
        """Probability of the positive class for N rows, given as one sequence of N values a feature.

        None and NaN in numbers, None and the empty text in categories mean null; categories that the
        contract does not list count as none of them. Other columns are ignored. Raises ``KeyError``
        where a feature is missing. Safe to call from several threads.
        """
        feeds = {f.input: _tensor(columns[f.name], f) for f in self.manifest.features}
        probabilities: npt.NDArray[np.float32] = self._session.run([PROBABILITIES], feeds)[0]
        return probabilities[:, 1]


def _tensor(values: Sequence[Value] | npt.NDArray[np.generic], feature: ModelInput) -> npt.NDArray[np.generic]:
    if feature.kind == "number":
        return np.asarray(values, dtype=np.float64).astype(np.float32).reshape(-1, 1)  # None becomes NaN
    texts = np.array(values, dtype=object).reshape(-1, 1)  # a copy: the caller keeps its own
    texts[texts == None] = ""  # noqa: E711  element by element
    return texts


def load_bundle(folder: Path, expected_sha256: str | None, *, threads: int = 1) -> Bundle:
    """Read a bundle, verify it, and try it on its golden rows.

    ``expected_sha256`` is the manifest's checksum as registered; ``None`` only where there is no registry to
    ask. ``threads`` is how many a single prediction may use. Raises :class:`BundleRefused` saying what is
    wrong; it cannot know the version, so a caller who does raises it anew with that.
    """
    manifest = _manifest(folder, expected_sha256)
    content = _read(folder / MODEL)
    if _sha256(content) != manifest.onnx_sha256:
        raise _refused(folder, f"{MODEL} has another checksum than its manifest says")
    bundle = Bundle(manifest, _session(folder, content, manifest, threads))
    _try(folder, bundle)
    return bundle


def _manifest(folder: Path, expected_sha256: str | None) -> Manifest:
    content = _read(folder / MANIFEST)
    if expected_sha256 is not None and _sha256(content) != expected_sha256:
        raise _refused(folder, f"{MANIFEST} has another checksum than was registered")
    try:
        return Manifest.model_validate_json(content)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'it'}: {e['msg']}" for e in error.errors()[:5])
        raise _refused(folder, f"{MANIFEST} cannot be read: {wrong}") from error


def _session(folder: Path, content: bytes, manifest: Manifest, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3  # errors
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no common base
        raise _refused(folder, f"{MODEL} cannot be loaded: {error}") from error
    wanted, found = {f.input for f in manifest.features}, {i.name for i in session.get_inputs()}
    if wanted != found or PROBABILITIES not in {o.name for o in session.get_outputs()}:
        raise _refused(folder, f"{MODEL} has not the inputs and outputs that {MANIFEST} names")
    return session


def _try(folder: Path, bundle: Bundle) -> None:
    golden = bundle.manifest.golden
    try:
        given = bundle.predict({f.name: [row[f.name] for row in golden.inputs] for f in bundle.manifest.features})
        off = float(np.abs(given - np.asarray(golden.probabilities)).max())
    except Exception as error:  # whatever a damaged graph or manifest makes of it
        raise _refused(folder, f"it cannot predict its golden rows: {error!r}") from error
    if not off <= GOLDEN_TOLERANCE:  # NaN is refused too
        raise _refused(folder, f"on its golden rows it is off by {off:.2g}; {GOLDEN_TOLERANCE:g} is allowed")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _refused(path.parent, f"{path.name} is not there ({error.strerror})") from error


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _refused(folder: Path, reason: str) -> BundleRefused:
    return BundleRefused(str(folder), "?", reason)
