"""What two registered versions make of the rows that one of them was judged by."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from ml.bundle import Bundle
from ml.errors import ReferenceUnusable
from ml.promotion import kept_rows
from ml.promotion.gate import Rival
from ml.promotion.kept_rows import Marks, Rows
from ml.registry import RegisteredVersion
from ml.tracking import does_not_answer

_LATENCY_ROUNDS = 200


def rows_of(registry: MlflowClient, version: RegisteredVersion, folder: Path) -> Rows:
    """The hold-out that was kept with a version's run. Raises :class:`ReferenceUnusable` where there is none."""
    path = _fetched(registry, version, kept_rows.ROWS, folder)
    if path is None:
        reason = f"its run has no {kept_rows.FOLDER}/{kept_rows.ROWS}"
        raise ReferenceUnusable(version.name, version.version, reason)
    return kept_rows.read(path)


def trained_on(registry: MlflowClient, version: RegisteredVersion, folder: Path) -> Marks | None:
    """Marks of the rows a version was fitted on; None where they were not kept."""
    path = _fetched(registry, version, kept_rows.TRAINED_ON, folder)
    return None if path is None else np.load(path, allow_pickle=False)


def _fetched(registry: MlflowClient, version: RegisteredVersion, name: str, folder: Path) -> Path | None:
    try:
        return Path(registry.download_artifacts(version.run_id, f"{kept_rows.FOLDER}/{name}", str(folder)))
    except (MlflowException, OSError) as error:
        if does_not_answer(error):
            raise
        return None


def fair_rows(rows: Rows, seen: Marks | None, production: str, min_rows: int) -> tuple[Rows, str]:
    """The rows that the version in production was not fitted on, and a sentence about them.

    ``seen`` are the marks of what it was fitted on, None where that is not known. Where fewer than ``min_rows`` would
    be left, or one class only, all rows count: production then knows some of the answers, which favours it.
    """
    n, name = len(rows.labels), f"version {production}"
    if seen is None:
        return rows, f"All {n} rows held out count; what {name} was fitted on is not known, and may favour it."
    fresh = ~np.isin(rows.marks, seen)
    known = n - int(fresh.sum())
    if not known:
        return rows, f"All {n} rows held out count; {name} was fitted on none of them."
    left = rows.where(fresh)
    if len(left.labels) < min_rows or len(np.unique(left.labels)) < 2:
        return rows, f"All {n} rows held out count; {name} was fitted on {known} of them, which favours it."
    return left, f"{len(left.labels)} of {n} rows held out count; {name} was fitted on the other {known}."


def rival(bundle: Bundle, frame: pd.DataFrame) -> Rival:
    """What a version says of N rows. Raises ``KeyError`` where a column is not there that it needs."""
    columns = {f.name: frame[f.name].to_numpy() for f in bundle.manifest.features}
    return Rival(bundle.predict(columns).astype(np.float64), bundle.manifest.threshold)


def latency_ms(bundle: Bundle, frame: pd.DataFrame) -> float:
    """Milliseconds for one row, the median of many."""
    seconds: list[float] = []
    for i in range(_LATENCY_ROUNDS):
        row = frame.iloc[i % len(frame)]
        columns = {f.name: [row[f.name]] for f in bundle.manifest.features}
        started = time.perf_counter()
        bundle.predict(columns)
        seconds.append(time.perf_counter() - started)
    return 1000 * float(np.median(seconds))


def size_mb(folder: Path) -> float:
    """Size of the files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
