"""The ledger of files: each attempt to load one, and what validation made of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from psycopg2.extensions import cursor as Cursor


class FileStatus(StrEnum):
    """What became of a file."""

    LOADED = "loaded"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True)
class LedgerEntry:
    """One row of ``ml.ingest_ledger``; ``id`` is the ``_file_id`` of the rows a loaded file brought.

    ``rows_read`` is ``rows_new`` plus ``rows_repeated``; repeats are rows whose key was there already,
    earlier in the file or from another one. ``reason`` says why a file was rejected, of which file it
    is the duplicate, or how its dates were derived where they could not be derived as usual.
    """

    id: int
    file_name: str
    sha256: str
    bytes: int
    status: FileStatus
    reason: str | None = None
    rows_read: int = 0
    rows_new: int = 0
    rows_repeated: int = 0


_COLUMNS = "id, file_name, sha256, bytes, status, reason, rows_read, rows_new, rows_repeated"


def _entry(row: tuple[object, ...]) -> LedgerEntry:
    entry_id, name, sha256, size, status, *rest = row
    return LedgerEntry(entry_id, name, sha256, size, FileStatus(str(status)), *rest)  # type: ignore[arg-type]


def record(
    cursor: Cursor, use_case: str, *, file_name: str, sha256: str, size: int, status: FileStatus,
    run_id: str, reason: str | None = None,
) -> LedgerEntry:  # fmt: skip
    """Write an entry; the counts of a loaded file follow with :func:`count`.

    ``sha256`` is empty for what is no readable file. Raises psycopg2's ``UniqueViolation`` where a file
    with that checksum is loaded already.
    """
    cursor.execute(
        "INSERT INTO ml.ingest_ledger (use_case, file_name, sha256, bytes, status, reason, run_id)"
        f" VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING {_COLUMNS}",
        (use_case, file_name, sha256, size, status.value, reason, run_id),
    )
    return _entry(cursor.fetchall()[0])


def count(cursor: Cursor, file_id: int, *, rows_read: int, rows_new: int, note: str | None = None) -> LedgerEntry:
    """Complete the entry of a loaded file with its counts, and a note for whoever reads the ledger."""
    cursor.execute(
        "UPDATE ml.ingest_ledger SET rows_read = %s, rows_new = %s, rows_repeated = %s, reason = %s"
        f" WHERE id = %s RETURNING {_COLUMNS}",
        (rows_read, rows_new, rows_read - rows_new, note, file_id),
    )
    return _entry(cursor.fetchall()[0])


def loaded(cursor: Cursor, use_case: str, sha256: str) -> LedgerEntry | None:
    """The loaded file with that checksum, if there is one."""
    cursor.execute(
        f"SELECT {_COLUMNS} FROM ml.ingest_ledger WHERE use_case = %s AND sha256 = %s AND status = 'loaded'",
        (use_case, sha256),
    )
    row = cursor.fetchone()
    return _entry(row) if row else None


def loaded_by(cursor: Cursor, use_case: str, run_id: str) -> list[LedgerEntry]:
    """The files that a run loaded, oldest first, whether or not they were withdrawn since."""
    cursor.execute(
        f"SELECT {_COLUMNS} FROM ml.ingest_ledger WHERE use_case = %s AND run_id = %s"
        " AND status IN ('loaded', 'withdrawn') ORDER BY id",
        (use_case, run_id),
    )
    return [_entry(row) for row in cursor.fetchall()]


def is_settled(cursor: Cursor, use_case: str, file_name: str, sha256: str) -> bool:
    """Whether that content is loaded, and under that name was loaded or recorded as a duplicate by an earlier run."""
    cursor.execute(
        "SELECT 1 FROM ml.ingest_ledger WHERE use_case = %s AND file_name = %s AND sha256 = %s"
        " AND status IN ('loaded', 'duplicate') AND sha256 IN ("
        "SELECT sha256 FROM ml.ingest_ledger WHERE use_case = %s AND status = 'loaded') LIMIT 1",
        (use_case, file_name, sha256, use_case),
    )
    return cursor.fetchone() is not None


def withdraw(cursor: Cursor, file_id: int, reason: str) -> None:
    """Note that the rows of a loaded file were taken out again; the same content may be loaded anew."""
    cursor.execute(
        "UPDATE ml.ingest_ledger SET status = 'withdrawn', reason = %s WHERE id = %s AND status = 'loaded'",
        (reason, file_id),
    )


def pending_validation(cursor: Cursor, use_case: str, *, include_failed: bool = False) -> list[LedgerEntry]:
    """The loaded files that validation has not judged, oldest first; with ``include_failed`` those it refused too.

    A file's rows are those of ``raw`` with its ``_file_id``. A row may have come from another file before
    (see ``ml.ingest``), so ``features`` or ``quarantine`` can hold its key under an older ``_file_id``:
    write by ``_row_key``.
    """
    cursor.execute(
        f"SELECT {_COLUMNS} FROM ml.ingest_ledger WHERE use_case = %s AND status = 'loaded'"
        " AND (validation IS NULL OR (%s AND validation = 'failed')) ORDER BY id",
        (use_case, include_failed),
    )
    return [_entry(row) for row in cursor.fetchall()]


def record_validation(
    cursor: Cursor, file_id: int, *, passed: bool, rows_good: int, rows_quarantined: int, report: str
) -> None:
    """Write down what validation made of a loaded file, in place of an earlier judgement."""
    cursor.execute(
        "UPDATE ml.ingest_ledger SET validation = %s, rows_good = %s, rows_quarantined = %s, report = %s,"
        " validated_at = now() WHERE id = %s AND status = 'loaded'",
        ("passed" if passed else "failed", rows_good, rows_quarantined, report, file_id),
    )


@dataclass(frozen=True)
class Judgement:
    """What validation made of a file."""

    file_name: str
    passed: bool
    rows_good: int
    rows_quarantined: int
    report: str


def newest_judgement(cursor: Cursor, use_case: str) -> Judgement | None:
    """The judgement of the newest file that was judged; none where no file was."""
    cursor.execute(
        "SELECT file_name, validation = 'passed', rows_good, rows_quarantined, report FROM ml.ingest_ledger"
        " WHERE use_case = %s AND status = 'loaded' AND validation IS NOT NULL ORDER BY id DESC LIMIT 1",
        (use_case,),
    )
    row = cursor.fetchone()
    return Judgement(*row) if row else None
