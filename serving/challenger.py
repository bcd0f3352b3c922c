"""The challenger: which version it is, by the registry, and which requests it sees.

Nothing that is wrong with it touches production: it is loaded apart, a request that it cannot answer production
answers, and the reason is kept for ``/v1/model`` and the log.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from ml.errors import ConfigError, PlatformError, Unavailable
from ml.promotion import experiment
from ml.promotion.experiment import Mode, Setup
from serving.cache import BundleCache
from serving.canary import Canary
from serving.loader import Loader
from serving.model import Model, Prediction
from serving.registry import Registry
from serving.settings import ServingSettings
from serving.shadow import Answered, Shadow
from serving.watcher import as_platform_error

_log = logging.getLogger(__name__)
_CACHE = "%challenger"  # no model's folder is called that: a percent sign would be quoted
_OFF = Setup()


@dataclass(frozen=True)
class ChallengerStanding:
    """What is asked for, the version that is ready for it, and why there is none, if so."""

    setup: Setup = _OFF
    version: str | None = None
    model: Model | None = None
    problem: PlatformError | None = None


@dataclass
class CanaryCounts:
    """What became of the requests that the challenger was to answer, since the process started."""

    answered: int = 0
    fell_back: int = 0
    """Production answered them, because the challenger raised an error or took too long."""


class Challenger:
    """Keeps ``standing``, replaced as a whole, and hands requests to the challenger accordingly."""

    def __init__(self, registry: Registry, loader: Loader, canary: Canary, shadow: Shadow) -> None:
        self.standing = ChallengerStanding()
        self.counts = CanaryCounts()
        self.first_look = asyncio.Event()
        self.shadow = shadow
        self._registry = registry
        self._loader = loader
        self._canary = canary
        self._complained_of: tuple[Model, type[Exception]] | None = None

    async def run(self, poll_seconds: float) -> None:
        """Look every ``poll_seconds``, and let shadows predict, until cancelled."""
        shadows = asyncio.create_task(self.shadow.run())
        try:
            while True:
                await asyncio.to_thread(self.look)
                self.first_look.set()
                await asyncio.sleep(poll_seconds)
        finally:
            shadows.cancel()
            self._canary.close()
            await asyncio.wait([shadows])

    def look(self) -> None:
        """Ask the registry once and follow it. Raises nothing: what went wrong becomes the standing's problem."""
        before = self.standing
        try:
            setup = self._registry.setup()
        except ConfigError as error:  # tags that nobody can read: better none than a wrong one
            self.standing = ChallengerStanding(problem=error)
        except Exception as error:
            self.standing = replace(before, problem=as_platform_error(error))
        else:
            self._follow(setup)
        _report(before, self.standing)

    def _follow(self, setup: Setup) -> None:
        if setup.mode is Mode.OFF:
            self.standing = ChallengerStanding()
            return
        model, version = self.standing.model, self.standing.version
        try:
            wanted = self._registry.challenger()
            version = wanted.version
            if model is None or model.source != wanted:
                # Neither the old one nor a half-made one sees requests while the new one is loaded.
                self.standing, model = ChallengerStanding(setup, version), None
                model = self._loader.load(wanted)
            self.standing = ChallengerStanding(setup, version, model)
        except Unavailable as error:  # what was loaded goes on
            self.standing = ChallengerStanding(setup, version, model, error)
        except Exception as error:
            problem = as_platform_error(error)
            self.standing = ChallengerStanding(setup, getattr(problem, "version", None), None, problem)

    async def answer(
        self, production: Model, payload: Mapping[str, object], key: str | None
    ) -> tuple[Prediction, Literal["production", "challenger"]]:
        """The prediction to reply with, and whose it is. Raises what production raises.

        ``key`` makes the choice between the two the same each time, see :func:`ml.promotion.experiment.takes_part`.
        """
        model = self._chosen(production, key)
        if model is None:
            return await production.answer(payload), "production"
        try:
            prediction = await self._canary.predict(model, payload)
        except Exception as error:  # whatever a bad challenger does
            fallback = await production.answer(payload)  # an input that is wrong for both is no fault of the challenger
            self.counts.fell_back += 1
            self._complain(model, error)
            return fallback, "production"
        self.counts.answered += 1
        return prediction, "challenger"

    def reader(self, version: str, production: Model) -> Model:
        """By whose contract to read again what ``version`` has answered: the challenger's, if it is that one."""
        model = self.standing.model
        return model if model and model.version == version else production

    def shadowing(self, production: Model) -> Model | None:
        """The challenger, where it is to see what production answers."""
        return self._rival(production) if self.standing.setup.mode is Mode.SHADOW else None

    async def show(self, model: Model, answered: Answered) -> None:
        """Let the challenger see a request, after the reply."""
        self.shadow.add(model, answered)

    def _chosen(self, production: Model, key: str | None) -> Model | None:
        setup = self.standing.setup
        model = self._rival(production) if setup.mode is Mode.CANARY else None
        if model and experiment.takes_part(experiment.name(model.source.name, model.version), key, setup.percent):
            return model
        return None

    def _rival(self, production: Model) -> Model | None:
        """The challenger, unless it has been promoted meanwhile."""
        model = self.standing.model
        return model if model and model.version != production.version else None

    def _complain(self, model: Model, error: Exception) -> None:
        """Once a version and kind of error, and without the input."""
        if self._complained_of != (model, type(error)):
            self._complained_of = (model, type(error))
            kind = type(error).__name__
            _log.warning("challenger %s gave no answer (%s): production answers instead", model.version, kind)


def _report(before: ChallengerStanding, now: ChallengerStanding) -> None:
    """Log what changed."""
    if (now.setup, now.model) != (before.setup, before.model) and (now.model or before.model):
        version = now.model.version if now.model else "none"
        _log.info("challenger: %s, mode %s, %g %%", version, now.setup.mode, now.setup.percent)
    if now.problem and str(now.problem) != str(before.problem):
        foreseen = type(now.problem) is not PlatformError
        _log.warning("challenger: %s", now.problem, exc_info=None if foreseen else now.problem)


def challenger(settings: ServingSettings, registry: Registry) -> Challenger:
    """The challenger with what it needs. Its bundles lie apart from production's, which keeps but its own."""
    cache = BundleCache(settings.cache_dir / _CACHE, settings.model_name)
    return Challenger(
        registry,
        Loader(registry, cache),
        Canary(settings.challenger_patience_seconds),
        Shadow(settings.database_url, settings.shadow_queue_size),
    )
