"""Judges the files in ``raw`` by the contract: good rows become features, bad ones go to quarantine.

Each file is judged in one transaction, so a crash leaves nothing half done. A file with more bad
rows than ``validation.max_bad_fraction`` fails: nothing of it becomes a feature.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from ml.errors import DataError, ValidationFailed
from ml.ingestion import ledger
from ml.ingestion.ledger import LedgerEntry
from ml.settings import Settings
from ml.store import connect
from ml.use_case import UseCase
from ml.validation import judged_rows, validation_report
from ml.validation.contract_validator import ContractValidator
from ml.validation.validation_report import Judged

log = logging.getLogger(__name__)

_REASONS_SHOWN = 3


@dataclass(frozen=True)
class FileJudgement:
    """What became of a file; ``report`` is the path of its page."""

    file: str
    passed: bool
    rows_good: int
    rows_quarantined: int
    report: str


@dataclass(frozen=True)
class ValidationSummary:
    """What a run judged; nothing where no file was waiting."""

    files: list[FileJudgement] = field(default_factory=list)
    rows_good: int = 0
    rows_quarantined: int = 0
    reports: list[str] = field(default_factory=list)


def validate(settings: Settings, use_case: UseCase, *, retry_failed: bool = False) -> ValidationSummary:
    """Judge the loaded files that were not judged yet; with ``retry_failed`` those that failed too.

    Safe to repeat and to run at any number at once. Raises :class:`ValidationFailed` for the first file that
    failed, after all were judged, and ``RuntimeError`` where an expectation could not be evaluated.
    """
    files: list[FileJudgement] = []
    failures: list[ValidationFailed] = []
    for entry in _pending(settings, use_case, retry_failed):
        judged = _judge(settings, use_case, entry, retry_failed)
        if judged is None:
            continue
        files.append(_judgement(judged))
        log.info("%s: %s, %d of %d rows are good.", judged.file, judged.verdict, judged.rows_good, judged.rows)
        if not judged.passed:
            failures.append(_failure(judged))
            log.error("%s", failures[-1])
    if failures:
        raise failures[0]
    return ValidationSummary(
        files, sum(f.rows_good for f in files), sum(f.rows_quarantined for f in files), [f.report for f in files]
    )


def require_passed(settings: Settings, use_case: UseCase) -> None:
    """Raise :class:`DataError`, saying what to do, where the newest file failed or a loaded file waits to be judged."""
    with connect(settings.database_url) as connection, connection.cursor() as cursor:
        waiting = ledger.pending_validation(cursor, use_case.name)
        newest = ledger.newest_judgement(cursor, use_case.name)
    if waiting:
        raise DataError(
            f"{waiting[0].file_name} is loaded but was not judged: validation of {use_case.name} has not run yet, or"
            " crashed. Run `validate`; nothing is trained before."
        )
    if newest and not newest.passed:
        raise DataError(
            f"The newest judged file of {use_case.name}, {newest.file_name}, failed validation:"
            f" {newest.rows_quarantined} rows break the contract. Report: {newest.report}. Is the data wrong: have the"
            " file corrected and ingest it. Is the contract or `validation.max_bad_fraction` wrong: correct it and run"
            " `validate` with `retry_failed`."
        )


def _pending(settings: Settings, use_case: UseCase, retry_failed: bool) -> list[LedgerEntry]:
    with connect(settings.database_url) as connection, connection.cursor() as cursor:
        return ledger.pending_validation(cursor, use_case.name, include_failed=retry_failed)


def _judge(settings: Settings, use_case: UseCase, entry: LedgerEntry, retry_failed: bool) -> Judged | None:
    """Judge one file and write down the verdict; none where another run has done so meanwhile."""
    contract, validator = use_case.contract, ContractValidator(use_case.contract)
    rows = bad = 0
    with connect(settings.database_url, application="ml-validate") as connection, connection.cursor() as cursor:
        judged_rows.begin(cursor, contract)
        pending = ledger.pending_validation(cursor, use_case.name, include_failed=retry_failed)
        if entry.id not in {e.id for e in pending}:
            return None
        for frame in judged_rows.frames(connection, contract, entry.id):
            reasons = validator.judge(frame)
            judged_rows.add_bad(cursor, list(frame.index), reasons)
            rows, bad = rows + len(frame), bad + len(reasons)
        judged = Judged(
            file=entry.file_name, file_id=entry.id, sha256=entry.sha256, rows=rows, rows_quarantined=bad,
            max_bad_fraction=use_case.config.validation.max_bad_fraction, broken=validator.broken,
            tallies=validator.tallies, report=str(validation_report.path_of(settings, use_case, entry)),
        )  # fmt: skip
        judged_rows.settle(cursor, contract, entry.id, passed=judged.passed)
        validation_report.write(use_case, judged)
        ledger.record_validation(
            cursor, entry.id, passed=judged.passed, rows_good=judged.rows_good, rows_quarantined=bad,
            report=judged.report,
        )  # fmt: skip
    return judged


def _judgement(judged: Judged) -> FileJudgement:
    return FileJudgement(judged.file, judged.passed, judged.rows_good, judged.rows_quarantined, judged.report)


def _failure(judged: Judged) -> ValidationFailed:
    reasons = [
        f"{column!r} breaks {rule!r} in {count} rows"
        for (column, rule), count in judged.broken.most_common(_REASONS_SHOWN)
    ]
    return ValidationFailed(
        judged.file, judged.rows_quarantined, judged.rows, judged.max_bad_fraction, reasons, judged.report
    )
