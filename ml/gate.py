"""The gate: judges a registered version against the one in production, keeps the verdict, and acts on it."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from mlflow import MlflowClient

from ml import registry
from ml.contract import Column
from ml.errors import BundleRefused, NoProductionModel, ReferenceUnusable
from ml.evaluation.slices import slice_names
from ml.model_config import GateMode, Metric
from ml.promotion import kept_rows, rivals, verdicts
from ml.promotion.challenger import nominate
from ml.promotion.gate import Rival, judge
from ml.promotion.kept_rows import Rows
from ml.promotion.verdict import GateVerdict, Rule
from ml.registry import RegisteredVersion
from ml.settings import Settings
from ml.store import connect
from ml.tracking import client
from ml.use_case import UseCase

log = logging.getLogger(__name__)

TAG = "gate"
"""Tag of a version: the verdict in a line."""


@dataclass(frozen=True)
class GateResult:
    """What came of the gate; ``production`` is the version that it was judged against, None where there was none."""

    model_name: str
    model_version: str
    production: str | None
    passed: bool
    failed_rules: list[str]
    promoted: bool
    summary: str


@dataclass(frozen=True)
class Evidence:
    """What a person is shown before a promotion; ``production`` is empty where none is in production."""

    body: str
    production: str


def gate(settings: Settings, use_case: UseCase, model_name: str, version: str) -> GateResult:
    """Judge a version and act as ``gate.mode`` of ``model.yaml`` says; safe to run again.

    What passes becomes the challenger, and in mode ``auto`` is promoted at once, by the one function for that.
    Raises :class:`ml.errors.ModelNotFound`, :class:`ml.errors.BundleRefused` where the version cannot be served,
    :class:`ReferenceUnusable` where its run has not the rows to judge it by, and
    :class:`ml.errors.PromotionConflict` where another version came into production meanwhile.
    """
    production, verdict = _judge(settings, use_case, model_name, version)
    log.info("\n".join([f"Gate of {model_name}, version {version}:", *verdict.lines()]))
    acts = verdict.passed and verdict.mode is not GateMode.DRY_RUN and version != production
    if acts:
        nominate(settings, model_name, version, why="gate passed")
    promoted = acts and verdict.mode is GateMode.AUTO
    if promoted:
        asked = {"actor": "gate", "source": "gate", "why": "gate passed", "instead_of": production or ""}
        registry.promote(settings, model_name, version, **asked)
    return GateResult(model_name, version, production, verdict.passed, verdict.failed_rules, promoted, verdict.summary)


def evidence(settings: Settings, use_case: UseCase, model_name: str, version: str) -> Evidence:
    """The verdict against the version in production now, and the figures of both, as Markdown.

    Raises :class:`ml.errors.ModelNotFound`.
    """
    figures = registry.evidence(settings, model_name, version)
    production = _in_production(settings, model_name)
    with connect(settings.database_url) as connection, connection.cursor() as cursor:
        verdict = verdicts.find(cursor, model_name, version, production)
    try:
        said = (verdict or _judge(settings, use_case, model_name, version)[1]).markdown()
    except (BundleRefused, ReferenceUnusable) as unusable:
        said = f"**Not judged by the gate.** {unusable}"
    return Evidence(f"{said}\n\n{figures}", production or "")


def _in_production(settings: Settings, model_name: str) -> str | None:
    try:
        return registry.production_version(settings, model_name).version
    except NoProductionModel:
        return None


def _judge(settings: Settings, use_case: UseCase, model_name: str, version: str) -> tuple[str | None, GateVerdict]:
    """Judge, and keep the verdict with the run, with the version and in the database."""
    with client(settings) as mlflow, TemporaryDirectory() as scratch:
        challenger = registry.registered(registry.find_version(mlflow, model_name, version))
        current = _in_production(settings, model_name)
        against = registry.registered(registry.find_version(mlflow, model_name, current)) if current else None
        verdict = _verdict(use_case, mlflow, challenger, against, Path(scratch))
        document = {"model_name": model_name, "version": version, "production": current, **verdict.document()}
        mlflow.log_dict(challenger.run_id, document, f"{kept_rows.FOLDER}/gate.json")
        mlflow.set_model_version_tag(model_name, version, TAG, verdict.summary)
    with connect(settings.database_url) as connection, connection.cursor() as cursor:
        verdicts.keep(cursor, model_name, version, current, verdict)
    return current, verdict


def _verdict(
    use_case: UseCase,
    mlflow: MlflowClient,
    challenger: RegisteredVersion,
    against: RegisteredVersion | None,
    folder: Path,
) -> GateVerdict:
    config = use_case.config.gate
    (own := folder / "challenger").mkdir()
    bundle = registry.fetch_bundle(mlflow, challenger, own)
    rows, notes = rivals.rows_of(mlflow, challenger, folder), []
    metric = Metric(mlflow.get_run(challenger.run_id).data.params["chosen_by"])
    latency, size = rivals.latency_ms(bundle, rows.frame), rivals.size_mb(own)
    production, obstacle = None, None
    if against:
        (other := folder / "production").mkdir()
        seen = rivals.trained_on(mlflow, against, other)
        rows, note = rivals.fair_rows(rows, seen, against.version, config.min_rows)
        notes.append(note)
        production, obstacle = _production(mlflow, against, rows, other)
    asked = replace(rivals.rival(bundle, rows.frame), latency_ms=latency, artifact_mb=size)
    slices = slice_names(rows.frame, _sliced(use_case))
    verdict = judge(rows.labels, asked, production, slices, metric, config, notes)
    return replace(verdict, rules=(*verdict.rules, obstacle)) if obstacle else verdict


def _production(
    mlflow: MlflowClient, against: RegisteredVersion, rows: Rows, folder: Path
) -> tuple[Rival | None, Rule | None]:
    """What production says of the rows; else the rule that fails because it can say nothing."""
    try:
        return rivals.rival(registry.fetch_bundle(mlflow, against, folder), rows.frame), None
    except BundleRefused as refusal:
        reason = refusal.reason
    except KeyError as missing:
        reason = f"it takes {missing}, which the rows have not"
    return None, Rule("comparison", f"version {against.version} cannot predict: {reason}", "production predicts", False)


def _sliced(use_case: UseCase) -> list[Column]:
    """The columns to look at slice by slice."""
    contract, names = use_case.contract, use_case.config.gate.slices
    if names is not None:
        return [contract.column(name) for name in names]
    return [column for column in contract.model_features() if not column.is_numeric]
