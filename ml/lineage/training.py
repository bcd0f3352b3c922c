"""What a version was trained on: written by training, read back as it was then, whatever the tables hold by now."""

from __future__ import annotations

from typing import Any

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import RealDictCursor

from ml.lineage.records import SnapshotFile, Training
from ml.schema import EVENT_TIME, FILE_ID, LINE
from ml.store import table

_FILE = "f.id AS file_id, f.file_name, f.sha256, f.bytes, f.at AS loaded_at, f.status"
_TRAINING = (
    "SELECT use_case, snapshot_id, timestamp AS trained_at, n_train, n_test, n_features, metric_name, metric_value"
    " FROM ml.training_data WHERE model_name = %s AND model_version = %s"
)
_FILES = (
    f"SELECT {_FILE}, t.rows, lower(t.lines) AS first_line, upper(t.lines) - 1 AS last_line,"
    " upper(t.lines) - lower(t.lines) > t.rows AS has_gaps, t.first_event, t.last_event"
    " FROM ml.training_files t JOIN ml.ingest_ledger f ON f.id = t.file_id"
    " WHERE t.model_name = %s AND t.model_version = %s ORDER BY f.id"
)
_FILES_BY_THEN = (
    f"SELECT {_FILE}, f.rows_good AS rows, NULL AS first_line, NULL AS last_line, NULL AS has_gaps,"
    " NULL AS first_event, NULL AS last_event FROM ml.ingest_ledger f"
    " WHERE f.use_case = %s AND f.validation = 'passed' AND f.validated_at <= %s ORDER BY f.id"
)

SnapshotRows = tuple[tuple[Any, ...], ...]
"""Of each file: id, rows, lines, first and last event date; as ``ml.training_files`` holds them."""


def rows_by_file(cursor: Cursor, use_case: str) -> SnapshotRows:
    """The rows that ``features`` has at this moment, in the transaction of whoever reads them."""
    cursor.execute(
        sql.SQL(
            # Runs of lines first: a file is a few of them, however many rows it has.
            "SELECT {file}, sum(rows)::bigint, range_agg(int8range(first, last, '[]'))::text, min(since), max(until)"
            " FROM (SELECT {file}, count(*) AS rows, min({line}) AS first, max({line}) AS last,"
            " min({time}) AS since, max({time}) AS until FROM ("
            "SELECT {file}, {line}, {time}, {line} - row_number() OVER (PARTITION BY {file} ORDER BY {line}) AS run"
            " FROM {features}) AS numbered GROUP BY {file}, run) AS runs GROUP BY {file} ORDER BY {file}"
        ).format(
            file=sql.Identifier(FILE_ID),
            line=sql.Identifier(LINE),
            time=sql.Identifier(EVENT_TIME),
            features=table(use_case, "features"),
        )
    )
    return tuple(cursor.fetchall())


def record_files(cursor: Cursor, model_name: str, model_version: str, rows: SnapshotRows) -> None:
    """Write down what a version was trained on."""
    cursor.executemany(
        "INSERT INTO ml.training_files (model_name, model_version, file_id, rows, lines, first_event, last_event)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        [(model_name, model_version, *of_file) for of_file in rows],
    )


def read_training(cursor: RealDictCursor, model_name: str, model_version: str) -> Training | None:
    """The training of a version; None where it was not trained here."""
    cursor.execute(_TRAINING, (model_name, model_version))
    found = cursor.fetchone()
    if found is None:
        return None
    trained = dict(found)
    use_case = trained.pop("use_case")
    cursor.execute(_FILES, (model_name, model_version))
    files = cursor.fetchall()
    recorded = bool(files)
    if not recorded:
        cursor.execute(_FILES_BY_THEN, (use_case, trained["trained_at"]))
        files = cursor.fetchall()
    return Training(**trained, recorded=recorded, files=tuple(SnapshotFile(**file) for file in files))
