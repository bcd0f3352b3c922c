"""Follows the registry: a version put in production is fetched, verified, tried and swapped in.

Whatever goes wrong on the way, the version that serves goes on, and the reason is kept for
``/ready`` and the log. Only another version in production ends it: with the alias gone, or
MLflow away, the last one goes on as well.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from ml.errors import NoProductionModel, PlatformError
from serving.cache import BundleCache
from serving.loader import Loader
from serving.model import Model
from serving.registry import ProductionVersion, Registry

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Standing:
    """The version that serves, and why it is not the one that should, if so."""

    model: Model | None
    problem: PlatformError | None


class Watcher:
    """Keeps ``standing``, which is replaced as a whole: readers see one moment, never half a swap."""

    def __init__(self, registry: Registry, cache: BundleCache, model_name: str) -> None:
        self.standing = Standing(None, NoProductionModel(model_name))
        self.first_look = asyncio.Event()
        self._registry = registry
        self._cache = cache
        self._loader = Loader(registry, cache)

    def serving(self) -> Model:
        """The version that serves. Raises why there is none."""
        standing = self.standing
        if standing.model is None:
            assert standing.problem is not None
            raise standing.problem
        return standing.model

    async def run(self, poll_seconds: float) -> None:
        """Look every ``poll_seconds``, until cancelled. The work is done in a thread."""
        while True:
            await asyncio.to_thread(self.look)
            self.first_look.set()
            await asyncio.sleep(poll_seconds)

    def look(self) -> None:
        """Ask the registry once and follow it. Raises nothing: what went wrong becomes the standing's problem."""
        before = self.standing
        model, problem = before.model, None
        try:
            model = self._follow(self._registry.production())
        except Exception as error:  # the watcher outlives whatever a download or a model does
            problem = as_platform_error(error)
            if model is None and not isinstance(problem, NoProductionModel):
                model = self._from_cache()
        self.standing = Standing(model, problem)
        _report(before, self.standing)

    def _follow(self, version: ProductionVersion) -> Model:
        model = self.standing.model
        if model and model.source == version:
            return model
        return self._loader.load(version)

    def _from_cache(self) -> Model | None:
        """The last good version, for a start at which the registry gives none."""
        version = self._cache.last()
        try:
            return self._loader.load_once(version) if version else None
        except Exception as error:
            _log.warning("the cached version cannot be served: %s", error)
            return None


def as_platform_error(error: Exception) -> PlatformError:
    """The error, or one that says that nobody thought of it."""
    if isinstance(error, PlatformError):
        return error
    unforeseen = PlatformError(f"Looking for a new model failed: {error!r}.")
    unforeseen.__cause__ = error
    return unforeseen


def _report(before: Standing, now: Standing) -> None:
    """Log what changed."""
    model, problem = now.model, now.problem
    if model and model is not before.model:
        was = f", before it {before.model.version}" if before.model else ""
        _log.info("version %s of %s serves now%s", model.version, model.source.name, was)
    if problem and str(problem) != str(before.problem):
        goes_on = f"Version {model.version} goes on." if model else ""
        _log.warning("%s %s", problem, goes_on, exc_info=problem if type(problem) is PlatformError else None)
