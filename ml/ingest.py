"""Brings the files of a landing folder into ``raw``.

A file is loaded wholly, in one transaction, or not at all, and its content only once, under whatever
name. What cannot be loaded is put aside with its reason; the other files go on. Files stay in the landing
folder; those that were dealt with are recognised by name and checksum. Safe to repeat and to run at any
number at once.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from dataclasses import dataclass, replace
from io import BufferedReader
from pathlib import Path

from psycopg2.extensions import cursor as Cursor

from ml.errors import FileRefused, FileUnfinished
from ml.ingestion import landing, ledger
from ml.ingestion.byte_check import CheckedBytes, sha256_of
from ml.ingestion.header import read_header
from ml.ingestion.ledger import FileStatus, LedgerEntry
from ml.ingestion.raw_rows import store_rows
from ml.ingestion.staging import stage
from ml.schema import ensure_tables
from ml.settings import Settings
from ml.store import connect, lock
from ml.use_case import UseCase

log = logging.getLogger(__name__)

_POSTPONED = "postponed"


@dataclass(frozen=True)
class FileOutcome:
    """What became of a file: ``loaded``, ``duplicate``, ``rejected``, or ``postponed`` (still being written)."""

    file: str
    status: str
    reason: str | None = None
    rows_read: int = 0
    rows_new: int = 0
    rows_repeated: int = 0


@dataclass(frozen=True)
class IngestSummary:
    """What a run did. ``rejected`` holds a sentence for each file refused, for the message of a failed task."""

    files: list[FileOutcome]
    rows_new: int
    rejected: list[str]


def ingest(
    settings: Settings, use_case: UseCase, *, run_id: str, logical_date: dt.datetime | None = None
) -> IngestSummary:
    """Load the files that are due: undated ones and those dated up to ``logical_date`` (all without one).

    Files that an earlier run dealt with are left out of the summary. A refused file raises nothing here:
    the others are loaded first, and the caller fails with ``rejected``. Raises :class:`Unavailable`
    where Postgres does not answer.
    """
    _prepare(settings, use_case)
    outcomes = []
    for name in landing.due(use_case.landing, logical_date):
        try:
            entry = _take(settings, use_case, name, run_id, again=False)
        except FileRefused as refusal:
            outcomes.append(FileOutcome(refusal.file, FileStatus.REJECTED.value, str(refusal)))
        except FileUnfinished as unfinished:
            log.warning("%s", unfinished)
            outcomes.append(FileOutcome(name, _POSTPONED, str(unfinished)))
        except FileNotFoundError:
            log.info("%s is gone; another run put it aside.", name)
        else:
            outcomes += [_outcome(entry)] if entry else []
    rejected = [o.reason or "" for o in outcomes if o.status == FileStatus.REJECTED]
    return IngestSummary(outcomes, sum(o.rows_new for o in outcomes), rejected)


def ingest_file(settings: Settings, use_case: UseCase, path: Path, *, run_id: str) -> LedgerEntry:
    """Load one file of the landing folder, given by its bare name or its path there.

    Content that was loaded already makes an entry ``duplicate`` and changes nothing. Raises
    :class:`FileRefused`, after it was put aside, :class:`FileUnfinished` and ``FileNotFoundError``.
    """
    name = landing.name_of(use_case.landing, path)
    _prepare(settings, use_case)
    entry = _take(settings, use_case, name, run_id, again=True)
    assert entry is not None
    return entry


def _prepare(settings: Settings, use_case: UseCase) -> None:
    """In a transaction of its own: the locks it takes are not to be held while files are read."""
    use_case.landing.mkdir(parents=True, exist_ok=True)
    with connect(settings.database_url, application="ml-ingest") as connection, connection.cursor() as cursor:
        ensure_tables(cursor, use_case.contract)


@dataclass(frozen=True)
class _Found:
    """A file as it was found; the checksum is empty until it was read."""

    name: str
    size: int
    sha256: str = ""


def _take(settings: Settings, use_case: UseCase, name: str, run_id: str, *, again: bool) -> LedgerEntry | None:
    """Load a file, or put it aside; none where it was dealt with before and is not to be looked at ``again``."""
    seen = (use_case.landing / name).lstat()
    found = _Found(landing.printable(name), seen.st_size)
    try:
        with landing.opened(use_case.landing, name) as file:
            found = replace(found, sha256=sha256_of(file))
            return _load(settings, use_case, file, found, run_id, again=again)
    except FileRefused as refusal:
        if landing.is_changing(use_case.landing, name, seen):
            raise FileUnfinished(found.name, "it changed while it was read") from refusal
        _record_rejection(settings, use_case, found, str(refusal), run_id)
        landing.put_aside(use_case.landing, name, seen, str(refusal))
        log.warning("%s It lies in %s now.", refusal, use_case.landing / landing.REJECTED)
        raise


def _load(
    settings: Settings, use_case: UseCase, file: BufferedReader, found: _Found, run_id: str, *, again: bool
) -> LedgerEntry | None:
    started = time.monotonic()
    with connect(settings.database_url, application="ml-ingest") as connection, connection.cursor() as cursor:
        if not again and ledger.is_settled(cursor, use_case.name, found.name, found.sha256):
            return None
        lock(cursor, "ingest", use_case.name)
        entry = _record_duplicate(cursor, use_case, found, run_id) or _copy(cursor, use_case, file, found, run_id)
    seconds = time.monotonic() - started
    log.info(
        "%s %s: %d rows read, %d new, %d repeated, %.0f rows/s.%s",
        entry.file_name, entry.status, entry.rows_read, entry.rows_new, entry.rows_repeated,
        entry.rows_read / seconds, f" {entry.reason}" if entry.reason else "",
    )  # fmt: skip
    return entry


def _record_duplicate(cursor: Cursor, use_case: UseCase, found: _Found, run_id: str) -> LedgerEntry | None:
    first = ledger.loaded(cursor, use_case.name, found.sha256)
    if first is None:
        return None
    reason = f"The same content as {first.file_name}, loaded as file {first.id}."
    return _record(cursor, use_case, found, FileStatus.DUPLICATE, run_id, reason)


def _copy(cursor: Cursor, use_case: UseCase, file: BufferedReader, found: _Found, run_id: str) -> LedgerEntry:
    contract = use_case.contract
    entry = _record(cursor, use_case, found, FileStatus.LOADED, run_id)
    stream = CheckedBytes(file, found.name)
    header = read_header(contract, found.name, stream.header())
    rows_read = stage(cursor, contract, header, stream, found.name)
    if stream.sha256 != found.sha256:
        raise FileUnfinished(found.name, "it changed while it was read")
    rows_new, note = store_rows(cursor, contract, header, entry.id)
    return ledger.count(cursor, entry.id, rows_read=rows_read, rows_new=rows_new, note=note)


def _record_rejection(settings: Settings, use_case: UseCase, found: _Found, reason: str, run_id: str) -> None:
    with connect(settings.database_url, application="ml-ingest") as connection, connection.cursor() as cursor:
        _record(cursor, use_case, found, FileStatus.REJECTED, run_id, reason)


def _record(
    cursor: Cursor, use_case: UseCase, found: _Found, status: FileStatus, run_id: str, reason: str | None = None
) -> LedgerEntry:
    return ledger.record(
        cursor, use_case.name, file_name=found.name, sha256=found.sha256, size=found.size,
        status=status, run_id=run_id, reason=reason,
    )  # fmt: skip


def _outcome(entry: LedgerEntry) -> FileOutcome:
    return FileOutcome(
        entry.file_name, entry.status.value, entry.reason, entry.rows_read, entry.rows_new, entry.rows_repeated
    )
