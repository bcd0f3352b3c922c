"""Files of outcomes, ``inference_id,label[,observed_at]``, in the folder ``outcomes`` of the use case.

A file stays where it is and is read by each run; what was read before changes nothing. The label is written as in
the contract. Without ``observed_at``, a time with its zone, the moment of reading counts.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TextIO

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from ml.contract import Column
from ml.errors import FileRefused
from ml.ingestion.landing import due, opened
from ml.store import copy_in
from ml.use_case import UseCase

FOLDER = "outcomes"
_NEEDED = ("inference_id", "label")


@dataclass(frozen=True)
class FileOutcomes:
    """Rows that were new, that belong to no logged prediction, and that contradict a label which was there."""

    new: int
    unknown: int
    contradicting: int


def add_files(cursor: Cursor, use_case: UseCase) -> FileOutcomes:
    """Add the outcomes of all files. Raises :class:`FileRefused` where one is no list of outcomes."""
    folder = use_case.folder / FOLDER
    cursor.execute(
        "CREATE TEMP TABLE arrived (inference_id uuid, label smallint, observed_at timestamptz) ON COMMIT DROP"
    )
    for name in due(folder, None) if folder.is_dir() else []:
        with opened(folder, name) as file, io.TextIOWrapper(file, "utf-8-sig", newline="") as text:
            _stage(cursor, name, text, use_case.contract.target)
    cursor.execute("UPDATE arrived SET observed_at = now() WHERE observed_at IS NULL")
    return _add(cursor, use_case.name)


def _stage(cursor: Cursor, name: str, file: TextIO, target: Column) -> None:
    rows = io.StringIO()
    try:
        csv.writer(rows).writerows(_rows(name, file, target))
        rows.seek(0)
        copy_in(cursor, sql.Identifier("arrived"), ["inference_id", "label", "observed_at"], rows)
    except (UnicodeDecodeError, csv.Error) as error:
        raise FileRefused(name, f"it is no CSV file in UTF-8: {error}") from error
    except psycopg2.DataError as error:
        raise FileRefused(name, f"{error.diag.message_primary}") from error


def _rows(name: str, file: TextIO, target: Column) -> Iterator[tuple[str, int, str]]:
    reader = csv.DictReader(file)
    missing = [column for column in _NEEDED if column not in (reader.fieldnames or ())]
    if missing:
        raise FileRefused(name, f"it lacks the column {' and '.join(missing)}")
    for row in reader:
        if row["label"] not in target.labels:
            known = ", ".join(target.labels)
            raise FileRefused(name, f"{row['label']!r} is no label; there are {known}", line=reader.line_num)
        yield row["inference_id"], int(row["label"] == str(target.positive)), row.get("observed_at") or ""


def _add(cursor: Cursor, use_case: str) -> FileOutcomes:
    cursor.execute(
        "INSERT INTO ml.outcomes (inference_id, use_case, label, observed_at)"
        " SELECT DISTINCT ON (inference_id) inference_id, i.use_case, a.label, a.observed_at"
        " FROM arrived a JOIN ml.inference_logs i USING (inference_id) WHERE i.use_case = %s"
        " ORDER BY inference_id, a.observed_at ON CONFLICT (inference_id) DO NOTHING",
        (use_case,),
    )
    new = cursor.rowcount
    cursor.execute(
        "SELECT count(*) FILTER (WHERE o.label IS NULL), count(*) FILTER (WHERE o.label <> a.label)"
        " FROM arrived a LEFT JOIN ml.outcomes o ON o.inference_id = a.inference_id AND o.use_case = %s",
        (use_case,),
    )
    ((unknown, contradicting),) = cursor.fetchall()
    return FileOutcomes(new, unknown, contradicting)
