"""Follows the registry: a version put in production is fetched, verified, tried and swapped in.

Whatever goes wrong on the way, the version that serves goes on, and the reason is kept for
``/ready`` and the log. Only another version in production ends it: with the alias gone, or
MLflow away, the last one goes on as well.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from ml.errors import BundleRefused, NoProductionModel, PlatformError, Unavailable
from serving.cache import BundleCache
from serving.model import Model, load_model
from serving.registry import ProductionVersion, Registry

_log = logging.getLogger(__name__)
_REFUSED_AGAIN_SECONDS = 60


class Watcher:
    """``model`` is the version that serves, ``problem`` why it is not the one that should, if so."""

    def __init__(self, registry: Registry, cache: BundleCache, model_name: str) -> None:
        self.model: Model | None = None
        self.problem: PlatformError | None = NoProductionModel(model_name)
        self.first_look = asyncio.Event()
        self._registry = registry
        self._cache = cache
        self._refused: _Refusal | None = None

    def serving(self) -> Model:
        """The version that serves. Raises why there is none."""
        if self.model is None:
            assert self.problem is not None
            raise self.problem
        return self.model

    async def run(self, poll_seconds: float) -> None:
        """Look every ``poll_seconds``, until cancelled. The work is done in a thread."""
        while True:
            await asyncio.to_thread(self.look)
            self.first_look.set()
            await asyncio.sleep(poll_seconds)

    def look(self) -> None:
        """Ask the registry once and follow it. Raises nothing: what went wrong becomes ``problem``."""
        problem = _attempt(lambda: self._follow(self._registry.production()))
        if self.model is None and isinstance(problem, Unavailable | BundleRefused):
            _attempt(self._start_from_cache)
        if problem and str(problem) != str(self.problem):
            goes_on = f"Version {self.model.version} goes on." if self.model else ""
            _log.warning("%s %s", problem, goes_on, exc_info=problem if type(problem) is PlatformError else None)
        self.problem = problem

    def _follow(self, version: ProductionVersion) -> None:
        if self.model and self.model.source == version:
            return
        if self._refused and self._refused.version == version and time.monotonic() < self._refused.until:
            raise self._refused.error
        try:
            self._swap(version)
        except BundleRefused as error:
            self._cache.discard(version)
            self._refused = _Refusal(version, error, time.monotonic() + _REFUSED_AGAIN_SECONDS)
            raise

    def _swap(self, version: ProductionVersion) -> None:
        folder = self._cache.bundle(version, lambda target: self._registry.fetch(version, target))
        model = load_model(folder, version, dt.datetime.now(dt.UTC))
        before, self.model = self.model, model
        _log.info("version %s of %s serves now, before it %s", version.version, version.name, before and before.version)
        self._cache.remember(version)

    def _start_from_cache(self) -> None:
        version = self._cache.last()
        if version:
            self._swap(version)


@dataclass(frozen=True)
class _Refusal:
    """A version that is not tried again for a while."""

    version: ProductionVersion
    error: BundleRefused
    until: float


def _attempt(step: Callable[[], None]) -> PlatformError | None:
    """What went wrong in a step; the watcher outlives whatever a download or a model does."""
    try:
        step()
    except PlatformError as error:
        return error
    except Exception as error:
        unforeseen = PlatformError(f"Looking for a new model failed: {error!r}.")
        unforeseen.__cause__ = error
        return unforeseen
    return None
