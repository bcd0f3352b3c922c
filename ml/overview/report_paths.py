"""Where the report of a file or of a drift check lies, by its id."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from ml.overview.reading import reading
from ml.settings import Settings

ReportKind = Literal["validation", "drift"]
_TABLES: dict[ReportKind, str] = {"validation": "ml.ingest_ledger", "drift": "ml.drift_reports"}


def report_path(settings: Settings, use_case: str, kind: ReportKind, report_id: int) -> Path | None:
    """The page of a report of that use case; None where there is none, or where it lies elsewhere than reports do.

    The table's path is followed to where it leads: neither ``..`` nor a link leads out of the folder of reports.
    """
    with reading(settings.database_url) as cursor:
        cursor.execute(f"SELECT report FROM {_TABLES[kind]} WHERE use_case = %s AND id = %s", (use_case, report_id))
        row = cursor.fetchone()
    if row is None or not row[0] or "\0" in row[0]:
        return None
    path, folder = Path(row[0]).resolve(), (settings.reports_dir / kind).resolve()
    return path if path.is_relative_to(folder) and path.suffix == ".html" and path.is_file() else None
