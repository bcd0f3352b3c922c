"""What a trace is made of: plain values, as the platform's tables hold them. Times are in UTC."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any
from uuid import UUID


@dataclass(frozen=True)
class Prediction:
    """A row of ``ml.inference_logs``.

    ``source`` is ``online`` or ``batch``; ``role`` ``production``, ``challenger`` or ``shadow``, the latter beside the
    answer ``shadow_of``. ``at`` is the time the prediction stands for: of a batch its ``as_of``. ``threshold`` is None
    for batches, which predict by that of their version; ``row_key`` and ``milliseconds`` where they have no meaning.
    """

    inference_id: UUID
    use_case: str
    model_name: str
    model_version: str
    run_id: str
    at: dt.datetime
    source: str
    role: str
    shadow_of: UUID | None
    input: dict[str, Any]
    prediction: int
    probability: float
    threshold: float | None
    warnings: list[str] | None
    milliseconds: float | None
    row_key: str | None


@dataclass(frozen=True)
class Promotion:
    """An entry of the ledger of promotions: that this version was put there, or was refused (``outcome``)."""

    at: dt.datetime
    stage: str
    outcome: str
    from_version: str | None
    actor: str
    source: str
    why: str


@dataclass(frozen=True)
class GateVerdict:
    """What the gate said of the version, against the one in production then; None where there was none."""

    at: dt.datetime
    production_version: str | None
    passed: bool
    mode: str
    verdict: dict[str, Any]


@dataclass(frozen=True)
class SourceFile:
    """A file as the ledger knows it. ``status`` is ``withdrawn`` where its rows were taken out again."""

    file_id: int
    file_name: str
    sha256: str
    bytes: int
    loaded_at: dt.datetime
    status: str


@dataclass(frozen=True)
class SnapshotFile(SourceFile):
    """A file with the rows of it that are in a snapshot.

    Lines count from 1, the header. Between the first and the last there are others where ``has_gaps``: rows that broke
    the contract, or that were known from another file. Lines and dates are None where training did not record them;
    dates also where the contract has no event time.
    """

    rows: int
    first_line: int | None
    last_line: int | None
    has_gaps: bool | None
    first_event: dt.date | None
    last_event: dt.date | None


@dataclass(frozen=True)
class Training:
    """What a version was trained on: a row of ``ml.training_data``, and the files of its snapshot.

    ``n_train`` rows were fitted on, ``n_test`` held out; all are in the snapshot. ``recorded`` is False for trainings
    from before files were recorded: ``files`` are then those that had been loaded and judged by that time.
    """

    snapshot_id: str
    trained_at: dt.datetime
    n_train: int
    n_test: int
    n_features: int
    metric_name: str
    metric_value: float
    recorded: bool
    files: tuple[SnapshotFile, ...]


@dataclass(frozen=True)
class SourceRow:
    """The row that a batch predicted.

    ``recorded`` says that the log kept its ``file`` and ``line``. Where it did not, they are those that the row of that
    key has by now, None where there is no such row. ``features`` is the row as it is now, None where it is gone;
    ``is_unchanged`` says whether it has the values that were predicted from; ``in_snapshot`` whether the version had
    been trained on it, or judged by it, None where that is not known.
    """

    row_key: str
    recorded: bool
    file: SourceFile | None
    line: int | None
    features: dict[str, Any] | None
    is_unchanged: bool | None
    in_snapshot: bool | None


@dataclass(frozen=True)
class Outcome:
    """The true label, 1 for the positive class, with the time it was seen and the time it came here."""

    label: int
    observed_at: dt.datetime
    received_at: dt.datetime


@dataclass(frozen=True)
class Trace:
    """All that is known of a prediction.

    ``training`` is None for a version that was not trained here; ``row`` for predictions online, whose input is all
    there is; ``outcome`` until the label arrives. ``promotions`` and ``verdicts`` are in the order of time.
    """

    prediction: Prediction
    promotions: tuple[Promotion, ...]
    verdicts: tuple[GateVerdict, ...]
    training: Training | None
    row: SourceRow | None
    outcome: Outcome | None
