"""A registry in a folder, and the app's settings for tests."""

from __future__ import annotations

import shutil
from pathlib import Path

from starlette.testclient import TestClient

from ml.contract import Contract
from ml.errors import NoChallenger, NoProductionModel, PlatformError
from ml.promotion import experiment
from ml.promotion.experiment import Setup
from serving.registry import ProductionVersion
from serving.settings import ServingSettings
from tests.serving import bundles

MODEL = "test-model"


class LocalClient(TestClient):
    """A client on this machine: without API keys, the service answers to no other."""

    def __init__(self, app, base_url="http://127.0.0.1", **options):
        super().__init__(app, base_url, **options)


class FolderRegistry:
    """Versions of real bundles; ``error`` is raised instead of an answer."""

    def __init__(self, folder: Path, contract: Contract) -> None:
        self.folder, self.contract = folder, contract
        self.error: PlatformError | None = None
        self.fetched: list[str] = []
        self._versions: dict[str, ProductionVersion] = {}
        self._production: str | None = None
        self._challenger: str | None = None
        self.tags: dict[str, str] = {}

    def register(self, version: str, bias: float = 0.0) -> Path:
        folder = self.folder / version
        checksum = bundles.build(folder, self.contract, model_name=MODEL, run_id=f"run-{version}", bias=bias)
        self._versions[version] = ProductionVersion(MODEL, version, f"run-{version}", checksum)
        return folder

    def promote(self, version: str | None) -> None:
        self._production = version

    def challenge(self, version: str | None, mode: str, percent: float = 0) -> None:
        self._challenger = version
        self.tags = {experiment.MODE_TAG: mode, experiment.PERCENT_TAG: f"{percent:g}"}

    def setup(self) -> Setup:
        if self.error:
            raise self.error
        return experiment.read_tags(self.tags)

    def challenger(self) -> ProductionVersion:
        if self._challenger is None:
            raise NoChallenger(MODEL)
        return self._versions[self._challenger]

    def production(self) -> ProductionVersion:
        if self.error:
            raise self.error
        if self._production is None:
            raise NoProductionModel(MODEL)
        return self._versions[self._production]

    def fetch(self, version: ProductionVersion, folder: Path) -> None:
        if self.error:
            raise self.error
        self.fetched.append(version.version)
        shutil.copytree(self.folder / version.version, folder, dirs_exist_ok=True)


def serving_settings(tmp_path: Path, database_url: str) -> ServingSettings:
    return ServingSettings(
        model_name=MODEL,
        database_url=database_url,
        mlflow_tracking_uri="http://127.0.0.1:9",
        poll_seconds=0.05,
        cache_dir=tmp_path / "cache",
        spool_dir=tmp_path / "spool",
    )
