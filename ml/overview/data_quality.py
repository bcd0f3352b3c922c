"""How good the data is that arrives: rows that kept the contract, rows in quarantine, files that were refused."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from psycopg2.extensions import cursor as Cursor

from ml.overview.period import Period


@dataclass(frozen=True)
class Step:
    """The files of one day or week: rows that kept the contract and did not, files that were refused."""

    start: dt.datetime
    rows_good: int = 0
    rows_quarantined: int = 0
    files: int = 0
    files_refused: int = 0

    @property
    def quarantined_share(self) -> float:
        """Share of the judged rows; 0 where there are none."""
        return self.rows_quarantined / max(self.rows_good + self.rows_quarantined, 1)


@dataclass(frozen=True)
class File:
    """A row of the ledger. ``validation`` is passed, failed, or None until it is judged; so are the counts."""

    id: int
    file_name: str
    status: str
    validation: str | None
    reason: str | None
    rows_read: int
    rows_good: int | None
    rows_quarantined: int | None
    run_id: str
    at: dt.datetime
    has_report: bool

    @property
    def refused(self) -> bool:
        """Whether nothing of it became a feature."""
        return self.status == "rejected" or self.validation == "failed"


_FILE = (
    "SELECT id, file_name, status, validation, reason, rows_read, rows_good, rows_quarantined, run_id, at,"
    " report IS NOT NULL FROM ml.ingest_ledger WHERE use_case = %s"
)


def steps(cursor: Cursor, use_case: str, period: Period) -> list[Step]:
    """One for each day or week of the period, the oldest first; a file counts when it was loaded."""
    cursor.execute(
        "SELECT floor(extract(epoch FROM at - %(first)s) / (86400 * %(step)s))::int, coalesce(sum(rows_good), 0)::int8,"
        " coalesce(sum(rows_quarantined), 0)::int8, count(*),"
        " count(*) FILTER (WHERE status = 'rejected' OR validation = 'failed') FROM ml.ingest_ledger"
        " WHERE use_case = %(use_case)s AND at >= %(first)s AND at < %(end)s AND status IN ('loaded', 'rejected')"
        " GROUP BY 1",
        {"use_case": use_case, "first": period.steps[0], "end": period.end, "step": period.step_days},
    )
    found = {row[0]: row[1:] for row in cursor.fetchall()}
    return [Step(start, *found.get(n, ())) for n, start in enumerate(period.steps)]


def newest_files(cursor: Cursor, use_case: str, *, limit: int = 8) -> list[File]:
    """The newest files, the newest first."""
    cursor.execute(f"{_FILE} ORDER BY id DESC LIMIT %s", (use_case, limit))
    return [File(*row) for row in cursor.fetchall()]


def files_of_run(cursor: Cursor, use_case: str, run_id: str) -> list[File]:
    """The files that a run of the DAG ``ingest`` looked at."""
    cursor.execute(f"{_FILE} AND run_id = %s ORDER BY id", (use_case, run_id))
    return [File(*row) for row in cursor.fetchall()]


def files_judged_between(cursor: Cursor, use_case: str, start: dt.datetime, end: dt.datetime) -> list[File]:
    """The files that validation judged in that time, both ends included."""
    cursor.execute(f"{_FILE} AND validated_at BETWEEN %s AND %s ORDER BY id", (use_case, start, end))
    return [File(*row) for row in cursor.fetchall()]
