"""Sets the challenger of the version in production, and what becomes of it; see :mod:`ml.promotion.experiment`."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from ml.errors import ConfigError, NoChallenger
from ml.promotion import experiment, promotions
from ml.promotion.experiment import MODE_TAG, PERCENT_TAG, Mode, checked_percent
from ml.promotion.promotions import Entry
from ml.registry import ALIAS as PRODUCTION
from ml.registry import find_version, locked, not_found, verify
from ml.settings import Settings
from ml.tracking import client

log = logging.getLogger(__name__)

STAGE = "Challenger"
"""How the ledger calls it."""


@dataclass(frozen=True)
class Challenge:
    """What was set; ``production`` is the version that is challenged, None where there is none."""

    model_name: str
    production: str | None
    version: str | None
    mode: Mode
    percent: float


def set_challenger(
    settings: Settings,
    model_name: str,
    version: str | None,
    *,
    mode: Mode,
    percent: float = 0,
    actor: str,
    source: str,
    why: str,
) -> Challenge:
    """Make a version the challenger, by default the one that is, and say what becomes of it.

    ``percent`` counts for :attr:`Mode.CANARY`. The bundle is verified first, unless it is set off. The ledger says
    who did it. Raises :class:`ml.errors.ModelNotFound`, :class:`NoChallenger` where no version is given and none is
    set, :class:`ml.errors.BundleRefused`, which is noted in the ledger, and :class:`ConfigError` for a canary of 0 %,
    a percentage beyond 100 or the version in production.
    """
    percent = checked_percent(percent) if mode is Mode.CANARY else 0
    if mode is Mode.CANARY and not percent:
        raise ConfigError("A canary takes a percentage of the traffic: above 0, at most 100.")
    with locked(settings, model_name) as cursor, client(settings) as registry:
        aliases = _aliases(registry, model_name)
        production, current = aliases.get(PRODUCTION), aliases.get(experiment.ALIAS)
        wanted = version or current
        if mode is Mode.OFF and wanted == current:  # also where that version is gone or was promoted
            registry.set_registered_model_tag(model_name, MODE_TAG, mode.value)
        else:
            if wanted is None:
                raise NoChallenger(model_name)
            found = find_version(registry, model_name, wanted)
            if wanted == production:
                raise ConfigError(f"Version {wanted} of {model_name!r} is in production; it cannot challenge itself.")
            if mode is not Mode.OFF:
                verify(settings, registry, found, _entry(model_name, production, wanted, actor, source, why))
            _set(registry, model_name, wanted, mode, percent)
        if wanted:
            what = f"{mode}, {percent:g} %" if mode is Mode.CANARY else mode.value
            promotions.append(
                cursor, _entry(model_name, production, wanted, actor, source, f"{what}: {why}" if why else what)
            )
    log.info("%s: challenger %s, mode %s, %g %%", model_name, wanted or "none", mode, percent)
    return Challenge(model_name, production, wanted, mode, percent)


def nominate(settings: Settings, model_name: str, version: str, *, why: str) -> bool:
    """Give the alias to a version that passed the gate; it gets no traffic. Returns whether it has the alias now.

    An experiment under way keeps its challenger; what is in production, or older than the challenger, is left out.
    """
    with locked(settings, model_name) as cursor, client(settings) as registry:
        model = registry.get_registered_model(model_name)
        aliases = _aliases(registry, model_name)
        production, current = aliases.get(PRODUCTION), aliases.get(experiment.ALIAS)
        if version == current:
            return True
        if experiment.read_tags(model.tags).mode is not Mode.OFF or version == production:
            return False
        if current and int(current) > int(version):
            return False
        _set(registry, model_name, version, Mode.OFF, 0)
        promotions.append(cursor, _entry(model_name, production, version, "gate", "gate", why))
    return True


def rivals(settings: Settings, model_name: str) -> tuple[str | None, str | None]:
    """The versions with the aliases ``production`` and ``challenger``. Raises :class:`ml.errors.ModelNotFound`."""
    with client(settings) as registry:
        aliases = _aliases(registry, model_name)
    return aliases.get(PRODUCTION), aliases.get(experiment.ALIAS)


def _set(registry: MlflowClient, model_name: str, version: str, mode: Mode, percent: float) -> None:
    """Off until all is set, so that at no time a version takes part that was not meant to."""
    registry.set_registered_model_tag(model_name, MODE_TAG, Mode.OFF.value)
    registry.set_registered_model_alias(model_name, experiment.ALIAS, version)
    registry.set_registered_model_tag(model_name, PERCENT_TAG, f"{percent:g}")
    if mode is not Mode.OFF:
        registry.set_registered_model_tag(model_name, MODE_TAG, mode.value)


def _aliases(registry: MlflowClient, model_name: str) -> dict[str, str]:
    try:
        aliases = registry.get_registered_model(model_name).aliases
    except MlflowException as error:
        raise not_found(error, model_name) from error
    return {alias: str(version) for alias, version in aliases.items()}


def _entry(model_name: str, production: str | None, version: str, actor: str, source: str, why: str) -> Entry:
    return Entry(model_name, production, version, STAGE, "promoted", actor, source, why)
