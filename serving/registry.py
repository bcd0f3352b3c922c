"""Which version is in production, which one challenges it, and their bundles: asked of MLflow over its REST API.

A few requests need no MLflow client, whose package would double the service's start-up
time and bring unpickling code into its environment.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Protocol

import urllib3

from ml.errors import BundleRefused, NoChallenger, NoProductionModel, Unavailable
from ml.promotion import experiment
from ml.promotion.experiment import Setup

BUNDLE_FILES = ("manifest.json", "model.onnx")
_ABSENT = (HTTPStatus.NOT_FOUND, HTTPStatus.BAD_REQUEST)  # MLflow answers 400 for an alias that is not set
_ALIAS = "production"
_BUNDLE_PATH = "serving"
_CHECKSUM_TAG = "bundle_sha256"
_ASK = urllib3.Timeout(connect=2, read=3)
"""Short: a server that hangs must not keep the next look from finding it well again."""
_FETCH = urllib3.Timeout(connect=2, read=10)


@dataclass(frozen=True)
class ProductionVersion:
    """A registered version with the checksum of its bundle's manifest."""

    name: str
    version: str
    run_id: str
    bundle_sha256: str


class Registry(Protocol):
    """What the service asks of a registry."""

    def production(self) -> ProductionVersion:
        """The version in production. Raises ``NoProductionModel``, ``BundleRefused`` or ``Unavailable``."""

    def setup(self) -> Setup:
        """What is to become of the challenger. Raises ``ConfigError`` or ``Unavailable``."""

    def challenger(self) -> ProductionVersion:
        """The version that challenges production. Raises ``NoChallenger``, ``BundleRefused`` or ``Unavailable``."""

    def fetch(self, version: ProductionVersion, folder: Path) -> None:
        """Download its bundle's files into a folder. Raises ``BundleRefused`` or ``Unavailable``."""


class MlflowRegistry:
    """The model of that name in the MLflow at ``tracking_uri``; ``login`` is a user and a password there."""

    def __init__(self, tracking_uri: str, model_name: str, login: tuple[str, str] | None = None) -> None:
        self._uri = tracking_uri.rstrip("/")
        self._name = model_name
        headers = urllib3.make_headers(basic_auth=":".join(login)) if login else None
        # Those who look for production and for the challenger ask at the same time.
        self._pool = urllib3.PoolManager(retries=False, headers=headers, maxsize=2)

    def production(self) -> ProductionVersion:
        """See :class:`Registry`. A version without checksum was not registered by the platform: refused."""
        version = self._aliased(_ALIAS)
        if version is None:
            raise NoProductionModel(self._name)
        return version

    def setup(self) -> Setup:
        """See :class:`Registry`. Off where there is no such model."""
        with self._get("api/2.0/mlflow/registered-models/get", {"name": self._name}) as response:
            found = {} if response.status in _ABSENT else json.loads(response.data)["registered_model"]
        return experiment.read_tags({tag["key"]: tag["value"] for tag in found.get("tags", ())})

    def challenger(self) -> ProductionVersion:
        """See :class:`Registry`."""
        version = self._aliased(experiment.ALIAS)
        if version is None:
            raise NoChallenger(self._name)
        return version

    def _aliased(self, alias: str) -> ProductionVersion | None:
        """The version of that alias, ``None`` where it is not set. Raises ``BundleRefused`` or ``Unavailable``."""
        fields = {"name": self._name, "alias": alias}
        with self._get("api/2.0/mlflow/registered-models/alias", fields) as response:
            if response.status in _ABSENT:
                return None
            found = json.loads(response.data)["model_version"]
        checksum = next((t["value"] for t in found.get("tags", ()) if t["key"] == _CHECKSUM_TAG), None)
        if not checksum or not found.get("run_id"):
            why = f"it has no tag {_CHECKSUM_TAG}, so it was not registered by this platform's training"
            raise BundleRefused(self._name, found["version"], why)
        return ProductionVersion(self._name, found["version"], found["run_id"], checksum)

    def fetch(self, version: ProductionVersion, folder: Path) -> None:
        """See :class:`Registry`."""
        for name in BUNDLE_FILES:
            artifact = f"{_BUNDLE_PATH}/{name}"
            with self._get("get-artifact", {"run_id": version.run_id, "path": artifact}, _FETCH) as response:
                if response.status in _ABSENT:
                    why = f"its run {version.run_id} has no {artifact} (MLflow says {response.status})"
                    raise BundleRefused(version.name, version.version, why)
                with (folder / name).open("wb") as file:
                    shutil.copyfileobj(response, file)

    @contextmanager
    def _get(
        self, path: str, fields: dict[str, str], timeout: urllib3.Timeout = _ASK
    ) -> Iterator[urllib3.BaseHTTPResponse]:
        """The response, its body unread. Raises :class:`Unavailable` unless it says what is there or not there."""
        try:
            response = self._pool.request(
                "GET", f"{self._uri}/{path}", fields=fields, preload_content=False, timeout=timeout
            )
            if response.status not in (HTTPStatus.OK, *_ABSENT):
                raise Unavailable("MLflow", self._uri, f"status {response.status}")
            yield response
            response.drain_conn()
        except urllib3.exceptions.HTTPError as error:
            raise Unavailable("MLflow", self._uri, str(error)) from error
