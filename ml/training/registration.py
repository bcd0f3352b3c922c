"""Makes the champion a version that can be served: its ONNX bundle, its place in the registry, its evidence."""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import mlflow
import pandas as pd
from mlflow import MlflowClient
from psycopg2.extras import Json

from ml.bundle import MANIFEST, MODEL, Golden, Manifest
from ml.contract import Column
from ml.lineage.training import SnapshotRows, record_files
from ml.model_config import Metric, ModelConfig
from ml.monitoring.feature_stats import feature_stats
from ml.settings import Settings
from ml.store import connect
from ml.training.code_version import code_version
from ml.training.evidence import keep_evidence
from ml.training.fitting import Fitted
from ml.training.folds import fold_order
from ml.training.holdout import Holdout
from ml.training.onnx_export import check, export
from ml.training.training_part import TrainingPart, training_part
from ml.use_case import UseCase

log = logging.getLogger(__name__)

BUNDLE_PATH = "serving"
"""Folder of the bundle among the run's artifacts."""
CHECKSUM_TAG = "bundle_sha256"
"""Tag of a version: the checksum of its bundle's manifest."""
_GOLDEN_ROWS = 20


@dataclass(frozen=True)
class Training:
    """What all candidates of one training share."""

    use_case: UseCase
    config: ModelConfig
    model_name: str
    features: Sequence[Column]
    rows: pd.DataFrame
    """The whole snapshot, with all columns of the contract."""
    data: Holdout
    snapshot_id: str
    files: SnapshotRows
    at: dt.datetime

    @property
    def metric(self) -> Metric:
        """What parameters and the champion are chosen by."""
        return self.config.metric

    @property
    def part(self) -> TrainingPart:
        """What candidates are fitted on."""
        data = self.data
        return training_part(data.train, data.train_labels, self.features, self.config, data.train_times)

    @property
    def tags(self) -> dict[str, str]:
        """Of each run, so that the runs of one training are found together."""
        return {
            "use_case": self.use_case.name,
            "training": self.at.isoformat(),
            "snapshot_id": self.snapshot_id,
            "code_version": code_version(),
        }

    @property
    def params(self) -> dict[str, object]:
        """Of each run, beside those of its estimator."""
        config = self.config
        return {
            "chosen_by": self.metric.value,
            "calibration": config.calibration.value,
            "split_by": config.split.by.value,
            "split_seed": config.split.seed,
            "test_size": config.split.test_size,
            "cv_order": fold_order(self.data.train_times, config.tuning).value,
            "cv_folds": config.tuning.folds,
            "tuning_seed": config.tuning.seed,
            "n_train": len(self.data.train),
            "n_test": len(self.data.test),
            "features": ", ".join(f.name for f in self.features),
        }


def register(settings: Settings, registry: MlflowClient, training: Training, champion: Fitted) -> str:
    """Export, check, log and register the champion, and write its row in ``ml.training_data``; returns the version.

    Raises :class:`ml.training.onnx_export.ExportDiffers` before anything is registered. A version that is left
    behind by an error after that has no checksum of its bundle, and cannot be promoted.
    """
    with TemporaryDirectory() as scratch:
        checksum = write_bundle(Path(scratch), training, champion)
        registry.log_artifacts(champion.run_id, scratch, BUNDLE_PATH)
    keep_evidence(registry, training, champion)
    version = mlflow.register_model(
        champion.model_uri,
        training.model_name,
        tags={**training.tags, "candidate": champion.name},
    )
    registry.update_model_version(
        training.model_name,
        version.version,
        f"{champion.name}: {training.metric.value} {champion.metrics[training.metric]:.4f} on {len(training.data.test)}"
        f" rows held out of {len(training.data.test) + len(training.data.train)}, snapshot {training.snapshot_id}.",
    )
    _record(settings, training, champion, str(version.version))
    # Last, since it is what makes a version one that can be promoted.
    registry.set_model_version_tag(training.model_name, version.version, CHECKSUM_TAG, checksum)
    return str(version.version)


def write_bundle(folder: Path, training: Training, champion: Fitted) -> str:
    """Write ``model.onnx`` and ``manifest.json``; returns the checksum of the latter."""
    data, threshold = training.data, champion.model.threshold
    exported = export(champion.model.ensemble, training.features)
    difference = check(exported, data.test, champion.probabilities, threshold)
    log.info("%s as ONNX: within %.1e of scikit-learn on %d rows", champion.name, difference, len(data.test))
    golden = data.test.head(_GOLDEN_ROWS).astype(object)
    manifest = Manifest(
        use_case=training.use_case.name,
        model_name=training.model_name,
        run_id=champion.run_id,
        features=exported.inputs,
        threshold=threshold,
        contract=training.use_case.contract,
        metrics=champion.metrics,
        n_train=len(data.train),
        n_test=len(data.test),
        snapshot_id=training.snapshot_id,
        trained_at=training.at,
        onnx_sha256=hashlib.sha256(exported.content).hexdigest(),
        golden=Golden(
            inputs=tuple(golden.where(golden.notna(), None).to_dict("records")),
            probabilities=tuple(champion.probabilities[:_GOLDEN_ROWS].tolist()),
        ),
    )
    content = manifest.model_dump_json(indent=1).encode()
    (folder / MODEL).write_bytes(exported.content)
    (folder / MANIFEST).write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def _record(settings: Settings, training: Training, champion: Fitted, version: str) -> None:
    """The row of the version in ``ml.training_data``, and its files in ``ml.training_files``.

    The statistics are those of the rows it was fitted on, and of its answers on the others.
    """
    row = {
        "use_case": training.use_case.name,
        "model_name": training.model_name,
        "model_version": version,
        "run_id": champion.run_id,
        "metric_name": training.metric.value,
        "metric_value": champion.metrics[training.metric],
        "n_train": len(training.data.train),
        "n_test": len(training.data.test),
        "n_features": len(training.features),
        "feature_stats": Json(
            feature_stats(
                training.data.train,
                training.features,
                probabilities=champion.probabilities,
                labels=training.data.train_labels,
            )
        ),
        "metrics": Json(champion.metrics),
        "snapshot_id": training.snapshot_id,
        "timestamp": training.at,
    }
    with connect(settings.database_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO ml.training_data ({', '.join(row)}) VALUES ({', '.join(f'%({name})s' for name in row)})", row
        )
        record_files(cursor, training.model_name, version, training.files)
