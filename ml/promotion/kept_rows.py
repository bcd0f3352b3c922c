"""The rows a version was judged by, and marks of those it was fitted on, kept with its run.

By them the version can be compared with another one at any time, on the same rows, without what the other one was
fitted on, whatever has been loaded since.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from ml.contract import Contract
from ml.features import target

FOLDER = "evidence"
ROWS, TRAINED_ON = "holdout.parquet", "trained_on.npy"
MOST_ROWS = 20_000
"""More are not kept: a sample of so many tells two models apart that differ by less than matters."""
_LABEL, _MARK = "_label", "_mark"

Marks = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Rows:
    """N rows with all features of the contract, their labels of 0 and 1, and a mark each."""

    frame: pd.DataFrame
    labels: npt.NDArray[np.int64]
    marks: Marks

    def where(self, rows: npt.NDArray[np.bool_]) -> Rows:
        """Those rows only."""
        return Rows(self.frame[rows], self.labels[rows], self.marks[rows])


def marks(frame: pd.DataFrame) -> Marks:
    """64 bits of each row's content: rows with the same content have the same, others practically never."""
    return np.asarray(pd.util.hash_pandas_object(frame, index=False), dtype=np.uint64)


def write(folder: Path, contract: Contract, held_out: pd.DataFrame, trained_on: pd.DataFrame, *, seed: int) -> None:
    """Write both parts of a snapshot; of the hold-out a sample where it has more than :data:`MOST_ROWS` rows."""
    kept = held_out.sample(MOST_ROWS, random_state=seed) if len(held_out) > MOST_ROWS else held_out
    rows = kept[[f.name for f in contract.features]].copy()
    rows[_LABEL], rows[_MARK] = target(kept, contract), marks(kept)
    rows.to_parquet(folder / ROWS, index=False)
    np.save(folder / TRAINED_ON, np.unique(marks(trained_on)))


def read(path: Path) -> Rows:
    """What :func:`write` wrote of the hold-out; texts are None where they are null."""
    frame = pd.read_parquet(path)
    labels, found = (frame.pop(name).to_numpy() for name in (_LABEL, _MARK))
    texts = frame.select_dtypes(exclude="number").columns
    frame[texts] = frame[texts].astype(object).where(frame[texts].notna(), None)
    return Rows(frame, labels.astype(np.int64), found)
