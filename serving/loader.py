"""Makes a version ready to predict: fetched, verified, tried on golden rows. A refused one is left alone a while."""

from __future__ import annotations

import datetime as dt
import time
from contextlib import suppress
from dataclasses import dataclass

from ml.errors import BundleRefused
from serving.cache import BundleCache
from serving.model import Model, load_model
from serving.registry import ProductionVersion, Registry

_REFUSED_AGAIN_SECONDS = 60


class Loader:
    """Remembers the last version that was refused."""

    def __init__(self, registry: Registry, cache: BundleCache) -> None:
        self._registry = registry
        self._cache = cache
        self._refused: _Refusal | None = None

    def load(self, version: ProductionVersion) -> Model:
        """The version, ready. Raises ``BundleRefused``, the same again for a minute, or ``Unavailable``."""
        if self._refused and self._refused.version == version and time.monotonic() < self._refused.until:
            raise self._refused.error
        try:
            if self._cache.holds(version):
                with suppress(BundleRefused):
                    return self.load_once(version)
                # The cache is to blame, or another process that cleared it up meanwhile.
                self._cache.discard(version)
            return self.load_once(version)
        except BundleRefused as error:
            self._cache.discard(version)
            self._refused = _Refusal(version, error, time.monotonic() + _REFUSED_AGAIN_SECONDS)
            raise

    def load_once(self, version: ProductionVersion) -> Model:
        """The same, whatever was before, and without remembering a refusal."""
        folder = self._cache.bundle(version, lambda target: self._registry.fetch(version, target))
        model = load_model(folder, version, dt.datetime.now(dt.UTC))
        self._cache.remember(version)
        return model


@dataclass(frozen=True)
class _Refusal:
    """A version that is not tried again for a while."""

    version: ProductionVersion
    error: BundleRefused
    until: float
