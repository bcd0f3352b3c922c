"""The registered models: which version is in production, and how one gets there.

The alias ``production`` is the truth. The stage ``Production`` of the classic pages is kept in step
with it. All changes go through :func:`promote`, under one lock a model, and into one ledger.
"""

from __future__ import annotations

import datetime as dt
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode
from psycopg2.extensions import cursor as Cursor

from ml.bundle import MANIFEST, MODEL, Bundle, load_bundle
from ml.errors import BundleRefused, ConfigError, ModelNotFound, NoPredecessor, NoProductionModel, PromotionConflict
from ml.promotion import experiment, promotions, verdicts
from ml.promotion.promotions import Entry
from ml.settings import Settings
from ml.store import connect, lock
from ml.tracking import client, does_not_answer
from ml.training.registration import BUNDLE_PATH, CHECKSUM_TAG

log = logging.getLogger(__name__)

ALIAS = "production"
PRODUCTION = "Production"
STAGES = ("Staging", PRODUCTION)
"""What a version is promoted to."""


@dataclass(frozen=True)
class RegisteredVersion:
    """A version with the run that made it and the checksum of its bundle, empty where it has none."""

    name: str
    version: str
    run_id: str
    bundle_sha256: str


@dataclass(frozen=True)
class Promotion:
    """What a promotion changed; ``from_version`` is the predecessor, None where there was none."""

    model_name: str
    from_version: str | None
    to_version: str
    stage: str


def list_models(settings: Settings) -> list[dict[str, object]]:
    """Name, newest version and production version of each registered model."""
    with client(settings) as registry:
        return [
            {
                "name": model.name,
                "newest": max(
                    (int(v.version) for v in registry.search_model_versions(_named(model.name))), default=None
                ),
                ALIAS: model.aliases.get(ALIAS),
            }
            for model in registry.search_registered_models()
        ]


def list_versions(settings: Settings, model_name: str) -> list[dict[str, object]]:
    """The versions of a model, newest first, with stage, aliases and run; none where all were deleted.

    Raises :class:`ModelNotFound`.
    """
    with client(settings) as registry:
        try:
            aliases = registry.get_registered_model(model_name).aliases
        except MlflowException as error:
            raise not_found(error, model_name) from error
        versions = registry.search_model_versions(_named(model_name))
    return [
        {
            "version": int(v.version),
            "stage": v.current_stage,
            "aliases": ", ".join(a for a, version in aliases.items() if version == str(v.version)),
            "candidate": v.tags.get("candidate"),
            "run_id": v.run_id,
            "created": dt.datetime.fromtimestamp(v.creation_timestamp / 1000, dt.UTC).isoformat(timespec="seconds"),
        }
        for v in sorted(versions, key=lambda v: -int(v.version))
    ]


def production_version(settings: Settings, model_name: str) -> RegisteredVersion:
    """The version in production. Raises :class:`NoProductionModel`."""
    with client(settings) as registry:
        found = _aliased(registry, model_name)
    if found is None:
        raise NoProductionModel(model_name)
    return registered(found)


def production_bundle(settings: Settings, model_name: str, *, threads: int = 1) -> tuple[RegisteredVersion, Bundle]:
    """The version in production, ready to predict with so many threads.

    Raises :class:`NoProductionModel`, and :class:`BundleRefused` naming the version.
    """
    version = production_version(settings, model_name)
    return version, registered_bundle(settings, version, threads=threads)


def registered_bundle(settings: Settings, version: RegisteredVersion, *, threads: int = 1) -> Bundle:
    """A version's bundle, ready to predict with so many threads. Raises :class:`BundleRefused`."""
    with client(settings) as registry, TemporaryDirectory() as scratch:
        return fetch_bundle(registry, version, Path(scratch), threads=threads)


def evidence(settings: Settings, model_name: str, version: str) -> str:
    """What a person looks at before a promotion, as Markdown: the figures of this version and of production."""
    with client(settings) as registry:
        candidate, current = find_version(registry, model_name, version), _aliased(registry, model_name)
        asked = _metrics(registry, candidate)
        now = _metrics(registry, current) if current else {}
    rows = [f"| {n} | {asked[n]:.4f} | {f'{now[n]:.4f}' if n in now else '–'} |" for n in sorted(asked)]
    head = (
        f"| metric | version {candidate.version} | production: {f'version {current.version}' if current else 'none'} |"
    )
    return "\n".join([candidate.description or "", "", head, "|---|---|---|", *rows])


def promote(
    settings: Settings,
    model_name: str,
    version: str,
    *,
    stage: str = PRODUCTION,
    actor: str,
    source: str,
    why: str,
    instead_of: str | None = None,
) -> Promotion:
    """Put a version into one of :data:`STAGES`; in ``Production`` it is served and its predecessor archived.

    ``instead_of`` is the version that is in production, empty for none, as whoever asks knows it; by default it is
    the one at the moment of asking. The bundle is verified first. Promoting what is in production already changes
    nothing. Raises :class:`PromotionConflict` where another promotion came before this one's turn,
    :class:`ModelNotFound`, :class:`BundleRefused`, which is noted in the ledger, and :class:`ConfigError` for another
    stage, or where production would be left without a version.
    """
    if stage not in STAGES:
        raise ConfigError(f"No stage {stage!r}; there are {', '.join(STAGES)}.")
    expected = _in_production(settings, model_name) if instead_of is None else instead_of or None
    asked = _Asked(stage, actor, source, why)
    with locked(settings, model_name) as cursor, client(settings) as registry:
        found = find_version(registry, model_name, version)
        if stage == PRODUCTION:
            _require_unchanged(cursor, model_name, version, expected)
        return _promote(settings, cursor, registry, found, asked)


def rollback(settings: Settings, model_name: str, *, actor: str, why: str) -> Promotion:
    """Put the version back that was in production before; again, and it goes back one further.

    Raises :class:`NoPredecessor`, and what :func:`promote` does.
    """
    expected = _in_production(settings, model_name)
    asked = _Asked(PRODUCTION, actor, promotions.ROLLBACK, why)
    with locked(settings, model_name) as cursor, client(settings) as registry:
        before = promotions.predecessor(cursor, model_name)
        if before is None:
            raise NoPredecessor(model_name)
        _require_unchanged(cursor, model_name, before, expected)
        return _promote(settings, cursor, registry, find_version(registry, model_name, before), asked)


def _in_production(settings: Settings, model_name: str) -> str | None:
    """By the ledger, which does not wait for a promotion that is under way."""
    with connect(settings.database_url, application="promote") as connection, connection.cursor() as cursor:
        return promotions.last_production(cursor, model_name)


def _require_unchanged(cursor: Cursor, model_name: str, version: str, expected: str | None) -> None:
    """Raises :class:`PromotionConflict`, but for a version that is in production by now, as was wanted."""
    found = promotions.last_production(cursor, model_name)
    if found not in (expected, version):
        raise PromotionConflict(model_name, version, expected, found)


def reconcile(settings: Settings, model_name: str) -> Promotion | None:
    """Bring alias, stage and ledger in step after a person changed one in MLflow's pages; returns what changed.

    An alias that moved wins; else a version other than the ledger's in stage Production, the one changed last.
    An alias or stage that was taken away from the version in production is given back: production is
    replaced, never removed. A version that cannot be served is put back, and the ledger says why.
    """
    with locked(settings, model_name) as cursor, client(settings) as registry:
        known, aliased = promotions.last_production(cursor, model_name), _aliased(registry, model_name)
        staged = [v for v in registry.search_model_versions(_named(model_name)) if v.current_stage == PRODUCTION]
        others = sorted((v for v in staged if str(v.version) != known), key=lambda v: v.last_updated_timestamp or 0)
        if aliased and str(aliased.version) != known:
            wanted, asked = aliased, _Asked(PRODUCTION, "MLflow", "alias", "alias moved in MLflow")
        elif others:
            wanted, asked = others[-1], _Asked(PRODUCTION, "MLflow", "stage", "stage changed in MLflow")
        else:
            if known and (aliased is None or not staged):
                _set_production(registry, find_version(registry, model_name, known))
            return None
        try:
            return _promote(settings, cursor, registry, wanted, asked)
        except BundleRefused as refusal:
            log.error("%s Put back: version %s.", refusal, known)
            _put_back(registry, wanted, _if_there(registry, model_name, known))
            return None


def _metrics(registry: MlflowClient, version: ModelVersion) -> dict[str, float]:
    return dict(registry.get_run(version.run_id).data.metrics) if version.run_id else {}


@dataclass(frozen=True)
class _Asked:
    """Who asks for which stage, how and why."""

    stage: str
    actor: str
    source: str
    why: str


def _promote(
    settings: Settings, cursor: Cursor, registry: MlflowClient, version: ModelVersion, asked: _Asked
) -> Promotion:
    name, number = version.name, str(version.version)
    before = promotions.last_production(cursor, name)
    if before == number and asked.stage != PRODUCTION:
        raise ConfigError(f"Version {number} of {name!r} is in production; promote another one, which replaces it.")
    said = verdicts.last(cursor, name, number)
    entry = Entry(name, before, number, asked.stage, "promoted", asked.actor, asked.source, asked.why, said)
    verify(settings, registry, version, entry)
    if asked.stage == PRODUCTION:
        _set_production(registry, version)
        _end_challenge(registry, version)
        if before == number:
            return Promotion(name, before, number, asked.stage)
    else:
        _transition(registry, version, asked.stage)
    promotions.append(cursor, entry)
    log.info("%s: version %s is in %s; in production before: %s", name, number, asked.stage, before or "none")
    return Promotion(name, before, number, asked.stage)


def verify(settings: Settings, registry: MlflowClient, version: ModelVersion, entry: Entry) -> None:
    """Raises :class:`BundleRefused` where it cannot be served, and notes that in the ledger in place of ``entry``."""
    try:
        with TemporaryDirectory() as scratch:
            fetch_bundle(registry, registered(version), Path(scratch))
    except BundleRefused as refusal:
        _note_refusal(settings, entry, refusal)
        raise


def _end_challenge(registry: MlflowClient, version: ModelVersion) -> None:
    """A challenger that was promoted challenges nothing any more; with another version promoted, it goes on."""
    model = registry.get_registered_model(version.name)
    if model.aliases.get(experiment.ALIAS) != str(version.version):
        return
    for tag in (experiment.MODE_TAG, experiment.PERCENT_TAG):
        if tag in model.tags:
            registry.delete_registered_model_tag(version.name, tag)
    registry.delete_registered_model_alias(version.name, experiment.ALIAS)


def _note_refusal(settings: Settings, entry: Entry, refusal: BundleRefused) -> None:
    """In a transaction of its own, since the refusal ends the other one."""
    refused = Entry(**{**vars(entry), "outcome": "refused", "why": f"{entry.why}; refused: {refusal.reason}"})
    with connect(settings.database_url) as connection, connection.cursor() as cursor:
        promotions.append(cursor, refused)


def _set_production(registry: MlflowClient, version: ModelVersion) -> None:
    """Alias first: it moves in one step, so that at any time it names one verified version."""
    registry.set_registered_model_alias(version.name, ALIAS, version.version)
    if version.current_stage != PRODUCTION or _others_staged(registry, version):
        _transition(registry, version, PRODUCTION)


def _others_staged(registry: MlflowClient, version: ModelVersion) -> bool:
    versions = registry.search_model_versions(_named(version.name))
    return any(v.current_stage == PRODUCTION and v.version != version.version for v in versions)


def _put_back(registry: MlflowClient, refused: ModelVersion, production: ModelVersion | None) -> None:
    if production:
        _set_production(registry, production)
    else:
        registry.delete_registered_model_alias(refused.name, ALIAS)
    if find_version(registry, refused.name, str(refused.version)).current_stage == PRODUCTION:
        _transition(registry, refused, "Archived")


def _transition(registry: MlflowClient, version: ModelVersion, stage: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # stages are deprecated, and people use them
        registry.transition_model_version_stage(
            version.name, version.version, stage, archive_existing_versions=stage == PRODUCTION
        )


def fetch_bundle(registry: MlflowClient, version: RegisteredVersion, folder: Path, *, threads: int = 1) -> Bundle:
    """Download and verify a version's bundle, which is then in memory as well. Raises :class:`BundleRefused`."""
    if not version.bundle_sha256:
        raise BundleRefused(version.name, version.version, f"it has no tag {CHECKSUM_TAG}; train it with this platform")
    try:
        for file in (MANIFEST, MODEL):
            fetched = Path(registry.download_artifacts(version.run_id, f"{BUNDLE_PATH}/{file}", str(folder)))
        return load_bundle(fetched.parent, version.bundle_sha256, threads=threads)
    except BundleRefused as refusal:
        raise BundleRefused(version.name, version.version, refusal.reason) from refusal
    except (MlflowException, OSError) as error:
        if does_not_answer(error):
            raise
        reason = f"its bundle cannot be fetched from run {version.run_id}: {error}"
        raise BundleRefused(version.name, version.version, reason) from error


def registered(found: ModelVersion) -> RegisteredVersion:
    """What matters of MLflow's own record of a version."""
    return RegisteredVersion(found.name, str(found.version), found.run_id or "", found.tags.get(CHECKSUM_TAG, ""))


def find_version(registry: MlflowClient, model_name: str, version: str) -> ModelVersion:
    """Raises :class:`ModelNotFound`."""
    try:
        return registry.get_model_version(model_name, version)
    except MlflowException as error:
        raise not_found(error, model_name, version) from error


def _if_there(registry: MlflowClient, model_name: str, version: str | None) -> ModelVersion | None:
    """None for None, and where the version was deleted in MLflow."""
    try:
        return find_version(registry, model_name, version) if version else None
    except ModelNotFound:
        return None


def _aliased(registry: MlflowClient, model_name: str) -> ModelVersion | None:
    """By the model's own record: asked for the alias of a model that is not there, an MLflow with logins says 403."""
    try:
        version = registry.get_registered_model(model_name).aliases.get(ALIAS)
        return registry.get_model_version(model_name, version) if version else None
    except MlflowException as error:
        if _says_missing(error):
            return None
        raise


def not_found(error: MlflowException, model_name: str, version: str | None = None) -> Exception:
    """:class:`ModelNotFound` where MLflow's error says that, else that error."""
    return ModelNotFound(model_name, version) if _says_missing(error) else error


def _says_missing(error: MlflowException) -> bool:
    return error.error_code in (ErrorCode.Name(RESOURCE_DOES_NOT_EXIST), "INVALID_PARAMETER_VALUE")


def _named(model_name: str) -> str:
    quote = '"' if "'" in model_name else "'"
    return f"name = {quote}{model_name}{quote}"


@contextmanager
def locked(settings: Settings, model_name: str) -> Iterator[Cursor]:
    """One change of a model's production at a time, whoever makes it."""
    with connect(settings.database_url, application="promote") as connection, connection.cursor() as cursor:
        lock(cursor, "promote", model_name)
        yield cursor
