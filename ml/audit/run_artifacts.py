"""What MLflow keeps of a version, as files; artifacts that hold rows of data are only named, by their checksum."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from mlflow.entities.model_registry import ModelVersion

from ml.audit.archive import as_json
from ml.bundle import MANIFEST, MODEL, Manifest
from ml.promotion import kept_rows
from ml.training.registration import BUNDLE_PATH, CHECKSUM_TAG

_ROWS_OF_DATA = {
    kept_rows.ROWS: "the rows held out, with their labels",
    kept_rows.TRAINED_ON: "a hash of each row trained on",
    "shap_values.csv": "a row for each of some rows held out",
}
_PLACES = {f"{kept_rows.FOLDER}/packages.txt": "code/packages.txt"}
"""Of artifacts that lie elsewhere in the archive than in the run."""
_ENVIRONMENT = ("MLmodel", "conda.yaml", "python_env.yaml", "requirements.txt")


class RunArtifacts:
    """Of the run that made a version. After :meth:`files`, ``left_out`` says what is not among them, and why."""

    def __init__(self, registry: MlflowClient, version: ModelVersion) -> None:
        self._registry, self._version, self._run_id = registry, version, version.run_id or ""
        self.left_out: dict[str, dict[str, str | int]] = {}

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Name and content of each."""
        run = self._registry.get_run(self._run_id)
        yield "version.json", as_json(self._described())
        yield "run/parameters.json", as_json(run.data.params)
        yield "run/metrics.json", as_json(run.data.metrics)
        yield "run/tags.json", as_json({n: value for n, value in run.data.tags.items() if n != "mlflow.user"})
        with TemporaryDirectory() as scratch:
            folder = Path(scratch)
            yield from self._evidence(folder)
            yield from self._environment(folder)
            yield from self._bundle(folder)

    def _described(self) -> dict[str, object]:
        version = self._version
        return {
            "model_name": version.name,
            "model_version": str(version.version),
            "description": version.description,
            "run_id": version.run_id,
            "created_ms": version.creation_timestamp,
            "tags": dict(version.tags),
        }

    def _evidence(self, scratch: Path) -> Iterator[tuple[str, bytes]]:
        for found in sorted(self._registry.list_artifacts(self._run_id, kept_rows.FOLDER), key=lambda a: a.path):
            content = self._fetched(found.path, scratch)
            if why := _ROWS_OF_DATA.get(Path(found.path).name):
                self.left_out[found.path] = {"sha256": _sha256(content), "bytes": len(content), "why": why}
            else:
                yield _PLACES.get(found.path, found.path), content

    def _environment(self, scratch: Path) -> Iterator[tuple[str, bytes]]:
        """How MLflow would load the model that was fitted; the model itself stays there."""
        for name in _ENVIRONMENT:
            uri = f"models:/{self._version.name}/{self._version.version}/{name}"
            yield f"code/{name}", Path(download_artifacts(artifact_uri=uri, dst_path=str(scratch))).read_bytes()

    def _bundle(self, scratch: Path) -> Iterator[tuple[str, bytes]]:
        """What is served, with the contract as it was at training, and whether it is what was registered."""
        manifest, model = (self._fetched(f"{BUNDLE_PATH}/{name}", scratch) for name in (MANIFEST, MODEL))
        said = Manifest.model_validate_json(manifest)
        registered = self._version.tags.get(CHECKSUM_TAG)
        checks = {
            "registered_sha256": registered,
            "manifest_sha256": _sha256(manifest),
            "onnx_sha256": _sha256(model),
            "is_as_registered": registered == _sha256(manifest) and said.onnx_sha256 == _sha256(model),
        }
        yield f"bundle/{MANIFEST}", manifest
        yield f"bundle/{MODEL}", model
        yield "bundle/checksums.json", as_json(checks)
        contract = said.contract.model_dump(mode="json", exclude_defaults=True)
        yield "data/contract.yaml", yaml.safe_dump(contract, sort_keys=False, allow_unicode=True).encode()

    def _fetched(self, path: str, scratch: Path) -> bytes:
        return Path(self._registry.download_artifacts(self._run_id, path, str(scratch))).read_bytes()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
