"""A trace in plain English, a line each."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator

from ml.lineage.records import GateVerdict, Promotion, SnapshotFile, SourceFile, SourceRow, Trace, Training

_FILES_SHOWN = 20


def lines(traced: Trace) -> Iterator[str]:
    """The whole trace, with a heading for each of its parts."""
    yield from _prediction(traced)
    yield from _version(traced)
    yield from _training(traced.training)
    yield from _row(traced.row)
    yield "Outcome"
    if outcome := traced.outcome:
        seen, came = _moment(outcome.observed_at), _moment(outcome.received_at)
        yield f"  the label is {outcome.label}, seen {seen}, arrived {came}"
    else:
        yield "  no label has arrived"


def _prediction(traced: Trace) -> Iterator[str]:
    found = traced.prediction
    yield f"Prediction {found.inference_id}"
    yield f"  {found.use_case}, {found.source}, as {found.role}, for {_moment(found.at)}"
    threshold = "that of the version" if found.threshold is None else f"{found.threshold:.6g}"
    yield f"  probability {found.probability:.6f}, threshold {threshold}: class {found.prediction}"
    yield f"  input {json.dumps(found.input, ensure_ascii=False)}"
    for warning in found.warnings or ():
        yield f"  warning: {warning}"
    if found.shadow_of:
        yield f"  never returned: the challenger's answer beside that of {found.shadow_of}"


def _version(traced: Trace) -> Iterator[str]:
    found = traced.prediction
    yield f"Version {found.model_version} of {found.model_name}"
    yield f"  MLflow run {found.run_id}"
    yield from map(_verdict, traced.verdicts)
    yield from map(_promotion, traced.promotions)
    if not traced.promotions:
        yield "  the ledger has no promotion of it"


def _verdict(given: GateVerdict) -> str:
    against = f"version {given.production_version}" if given.production_version else "no version in production"
    return (
        f"  gate, {_moment(given.at)}: {'passed' if given.passed else 'refused'} against {against}, mode {given.mode}"
    )


def _promotion(entry: Promotion) -> str:
    before = f", before it version {entry.from_version}" if entry.from_version else ""
    return (
        f"  {entry.stage}, {_moment(entry.at)}: {entry.outcome} by {entry.actor} ({entry.source}{before}): {entry.why}"
    )


def _training(found: Training | None) -> Iterator[str]:
    if found is None:
        yield "Training"
        yield "  not recorded: the version was not trained with this database"
        return
    yield f"Training snapshot {found.snapshot_id}"
    yield f"  trained {_moment(found.trained_at)} on {found.n_train} rows, judged on {found.n_test} held out,"
    yield f"  {found.n_features} features, {found.metric_name} {found.metric_value:.4f}"
    if not found.recorded:
        yield "  files were not recorded then; these had been loaded and judged by that time:"
    for file in found.files[:_FILES_SHOWN]:
        yield f"  {_file(file)}"
        yield f"    {_rows(file)}"
    if len(found.files) > _FILES_SHOWN:
        yield f"  and {len(found.files) - _FILES_SHOWN} more files; --json shows all"


def _rows(file: SnapshotFile) -> str:
    if file.first_line is None:
        return f"{file.rows} good rows"
    gaps = ", without those that broke the contract or came from another file" if file.has_gaps else ""
    dates = f", {file.first_event} to {file.last_event}" if file.first_event else ""
    return f"{file.rows} rows, lines {file.first_line}-{file.last_line}{gaps}{dates}"


def _row(found: SourceRow | None) -> Iterator[str]:
    if found is None:
        return
    yield f"Row {found.row_key}"
    if found.file:
        yield f"  line {found.line} of {_file(found.file)}"
        if not found.recorded:
            yield "  as the row of that key is known now; the log did not keep where it stood when it was predicted"
    else:
        yield "  of no file that was ingested: the batch was a file given to `score`, or its file was withdrawn"
    if found.features is None:
        yield "  the row is in `features` no more" if found.recorded else "  no row in `features` has that key"
    elif found.is_unchanged:
        yield f"  as it is in `features`: {json.dumps(found.features, ensure_ascii=False)}"
    else:
        yield f"  changed since; in `features` it is now: {json.dumps(found.features, ensure_ascii=False)}"
    if found.in_snapshot is not None:
        yield f"  {'one' if found.in_snapshot else 'none'} of the rows that the version was trained on or judged by"


def _file(file: SourceFile) -> str:
    withdrawn = ", withdrawn since" if file.status == "withdrawn" else ""
    return f"{file.file_name}, sha256 {file.sha256}, {file.bytes} bytes, loaded {_moment(file.loaded_at)}{withdrawn}"


def _moment(at: dt.datetime) -> str:
    return f"{at.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S} UTC"
