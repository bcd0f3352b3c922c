"""Batch scoring: predicts many rows with the version in production, and keeps the evidence.

A prediction is known by version, row and the time it is made for, to the millisecond: the same again changes
nothing. Of rows with one key in one batch the tables keep the first.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import logging
import os
import re
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.parquet as pq

from ml.bundle import Bundle
from ml.contract import Column, ColumnType
from ml.partitions import ensure_partitions
from ml.registry import RegisteredVersion, production_bundle
from ml.schema import FILE_ID, LINE, ROW_KEY, ensure_tables
from ml.scoring.batch_source import feature_frames, file_frames
from ml.scoring.scored_rows import Batch, output
from ml.scoring.spreadsheet import spreadsheet
from ml.settings import Settings
from ml.store import connect
from ml.use_case import UseCase
from ml.validation.cell_rules import broken_cells, read_cells

log = logging.getLogger(__name__)

THREADS = os.cpu_count() or 1
"""That a prediction may use."""


@dataclass(frozen=True)
class ScoreSummary:
    """What a batch came to.

    ``rows_new`` are those that were not predicted before by this version for this time. ``output`` is the
    Parquet file with all of them; ``rejected`` the CSV file of the rows that break the model's contract, with
    their reasons, None where there are none.
    """

    model_name: str
    model_version: str
    rows_scored: int
    rows_new: int
    rows_rejected: int
    output: str
    rejected: str | None


def score_features(
    settings: Settings,
    use_case: UseCase,
    *,
    as_of: dt.datetime,
    start: dt.date | None = None,
    end: dt.date | None = None,
) -> ScoreSummary:
    """Predict the features with an event date from ``start`` to ``end``, both included; all without bounds.

    Raises ``NoProductionModel``, ``BundleRefused``, ``Unavailable``, and ``ValueError`` for an ``as_of``
    without time zone.
    """
    version, bundle = prepared(settings, use_case)
    frames = feature_frames(settings, use_case, [f.name for f in bundle.manifest.features], start, end)
    target = output_path(settings, use_case, version, as_of, features_label(start, end))
    return score_frames(settings, use_case, version, bundle, frames, as_of, target)


def score_file(settings: Settings, use_case: UseCase, path: Path, *, as_of: dt.datetime) -> ScoreSummary:
    """Predict a CSV file in the contract's format, or a Parquet file. It needs the model's features only.

    Rows that break the contract are left out and written beside the output, with their reasons. Raises
    :class:`ml.errors.FileRefused` where the file cannot be read or lacks a column: nothing of it is written then.
    Also raises as :func:`score_features`.
    """
    version, bundle = prepared(settings, use_case)
    frames = file_frames(bundle.manifest.contract, features_of(bundle), path)
    target = output_path(settings, use_case, version, as_of, file_label(path))
    return score_frames(settings, use_case, version, bundle, frames, as_of, target)


def predict_batch(settings: Settings, use_case: UseCase, path: str | Path | None, limit: int) -> dict[str, object]:
    """Score a file, or the features, as of now; the first ``limit`` predictions and what made them, as plain values."""
    as_of = dt.datetime.now(dt.UTC)
    if path:
        summary = score_file(settings, use_case, Path(path), as_of=as_of)
    else:
        summary = score_features(settings, use_case, as_of=as_of)
    with pq.ParquetFile(summary.output) as file:
        first = next(file.iter_batches(limit, columns=["_prediction", "_probability"]), None)
        shape = [file.metadata.num_rows, file.metadata.num_columns - 4]
    return {
        "predictions": first["_prediction"].to_pylist() if first else [],
        "probabilities": first["_probability"].to_pylist() if first else [],
        "input_shape": shape,
        "model_uri": f"models:/{summary.model_name}/{summary.model_version}",
        "model_version": summary.model_version,
        "rows_rejected": summary.rows_rejected,
        "output": summary.output,
        "rejected": summary.rejected,
    }


def prepared(settings: Settings, use_case: UseCase) -> tuple[RegisteredVersion, Bundle]:
    """The version in production, and the tables that its predictions go to."""
    found = production_bundle(settings, use_case.config.model_name, threads=THREADS)
    with connect(settings.database_url) as connection, connection.cursor() as cursor:
        ensure_tables(cursor, use_case.contract)
    return found


def features_label(start: dt.date | None, end: dt.date | None) -> str:
    """Names the output of features between two days."""
    return "_".join(["features", *(str(day) for day in (start, end) if day)])


def file_label(path: Path) -> str:
    """Names a file's output: readable, short, and another one for each path."""
    readable = re.sub(r"[^A-Za-z0-9._-]", "_", path.stem)[:80]
    return f"{readable}-{hashlib.sha256(str(path.absolute()).encode()).hexdigest()[:8]}"


def output_path(
    settings: Settings, use_case: UseCase, version: RegisteredVersion, as_of: dt.datetime, label: str
) -> Path:
    """The Parquet file of a batch."""
    moment = f"{_milliseconds(as_of).astimezone(dt.UTC):%Y%m%dT%H%M%S.%fZ}"
    return settings.predictions_dir / use_case.name / f"{moment}_{version.name}_v{version.version}_{label}.parquet"


def rejected_path(target: Path) -> Path:
    """The CSV file of the rows that break the contract, beside the Parquet file of the others."""
    return target.with_name(f"{target.name.removesuffix('.parquet')}.rejected.csv")


def _milliseconds(as_of: dt.datetime) -> dt.datetime:
    return as_of.replace(microsecond=as_of.microsecond // 1000 * 1000)  # ids hold no more


def features_of(bundle: Bundle) -> list[Column]:
    """What the version predicts from."""
    return [bundle.manifest.contract.column(f.name) for f in bundle.manifest.features]


def score_frames(
    settings: Settings,
    use_case: UseCase,
    version: RegisteredVersion,
    bundle: Bundle,
    frames: Generator[pd.DataFrame],
    as_of: dt.datetime,
    target: Path,
    part: str = "",
) -> ScoreSummary:
    """Predict frames of cells and write them to the tables and to ``target``: a batch, or a ``part`` of one."""
    began, features, as_of = time.monotonic(), features_of(bundle), _milliseconds(as_of)
    batch = Batch(use_case.name, version.name, version.version, version.run_id, as_of, features)
    bad, names = rejected_path(target), [f.name for f in features]
    ensure_partitions(settings, as_of)
    with (
        closing(frames),
        spreadsheet(bad, [ROW_KEY, *names, "_reasons"]) as rejected,
        output(settings, batch, target, part) as written,
    ):
        for cells in frames:
            reasons = _reasons(cells, features)
            bad_rows = sorted(reasons)
            rejected.add([key, *row, json.dumps(reasons[at])] for at, (key, *row) in _rows_at(cells[names], bad_rows))
            good = cells[~np.isin(np.arange(len(cells)), bad_rows)]
            values = pd.DataFrame({f.name: _values(good[f.name], f) for f in features}, index=good.index)
            probabilities = bundle.predict({f.name: _as_input(values[f.name], f) for f in features})
            places = good[[FILE_ID, LINE]] if FILE_ID in good else None
            written.add(values, probabilities, probabilities >= bundle.manifest.threshold, places)
            log.info("%d rows scored, %.0f rows/s", written.rows, written.rows / (time.monotonic() - began))
    if not rejected.rows:
        bad.unlink(missing_ok=True)  # another run of the same batch may have been quicker
    return ScoreSummary(
        model_name=version.name,
        model_version=version.version,
        rows_scored=written.rows,
        rows_new=written.rows_new,
        rows_rejected=rejected.rows,
        output=str(target),
        rejected=str(bad) if rejected.rows else None,
    )


def _reasons(cells: pd.DataFrame, features: Sequence[Column]) -> dict[int, list[str]]:
    """Positions of the rows that break the contract, with what is wrong in them."""
    reasons: dict[int, list[str]] = {}
    for feature in features:
        for rule, broken in broken_cells(cells[feature.name], feature):
            for at in np.flatnonzero(broken.to_numpy()):
                reasons.setdefault(int(at), []).append(f"{feature.name}: {rule.value}")
    return reasons


def _rows_at(cells: pd.DataFrame, positions: list[int]) -> Iterator[tuple[int, tuple[object, ...]]]:
    """Rows by position, each with its key before its cells; null is None."""
    rows = cells.iloc[positions].astype(object)
    return zip(positions, rows.where(rows.notna(), None).itertuples(name=None), strict=True)


def _values(cells: pd.Series[str], feature: Column) -> pd.Series:
    """Cells as they are logged, and as the API would have read them: integers exact, null where null."""
    if feature.type is ColumnType.INTEGER:
        return pd.to_numeric(cells, dtype_backend="numpy_nullable").astype("Int64")
    return read_cells(cells, feature)


def _as_input(values: pd.Series, feature: Column) -> npt.NDArray[np.generic]:
    """A column as the bundle takes it."""
    if feature.is_numeric:
        return values.to_numpy(dtype="float64", na_value=np.nan)
    return values.astype(object).where(values.notna(), None).to_numpy(dtype=object)
