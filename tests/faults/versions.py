"""Versions of small models in a real MLflow, good ones and spoilt ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from mlflow import MlflowClient

from ml.contract import Contract
from tests.serving import bundles


class Versions:
    """Of the model ``name``; each good one has a bias of its own, by which its answers are told apart."""

    def __init__(self, mlflow: MlflowClient, name: str, contract: Contract, folder: Path) -> None:
        self.name, self.biases = name, dict[str, float]()
        self.golden: list[dict] = []
        """Inputs that each version was tried on."""
        self._mlflow, self._contract, self._folder = mlflow, contract, folder
        mlflow.create_registered_model(name)

    def register(self, spoil: Callable[[Path], None] = lambda _: None, checksum: str | None = None) -> str:
        """The number of a new version. ``spoil`` changes its files before they are stored, after their checksum."""
        bias = len(self.biases) / 2
        run = self._mlflow.create_run("0").info.run_id
        folder = self._folder / run
        right = bundles.build(folder, self._contract, model_name=self.name, run_id=run, bias=bias)
        self.golden = json.loads((folder / "manifest.json").read_bytes())["golden"]["inputs"]
        spoil(folder)
        self._mlflow.log_artifacts(run, str(folder), "serving")
        created = self._mlflow.create_model_version(self.name, f"runs:/{run}/serving", run, await_creation_for=0)
        self._mlflow.set_model_version_tag(self.name, created.version, "bundle_sha256", checksum or right)
        self.biases[str(created.version)] = bias
        return str(created.version)

    def promote(self, version: str) -> None:
        """By alias."""
        self._mlflow.set_registered_model_alias(self.name, "production", version)

    def probability(self, version: str) -> float:
        """What a version answers to the example, computed apart from it."""
        return bundles.probability(self._contract, bundles.example(self._contract), self.biases[version])
