"""The report of a judged file: a JSON file, and one HTML page that needs nothing beside it."""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ml.contract import Column, ColumnType, Contract
from ml.field_value import allowed
from ml.ingestion.ledger import LedgerEntry
from ml.pages import page_template
from ml.publish import publishing
from ml.settings import Settings
from ml.use_case import UseCase
from ml.validation.cell_rules import RuleName
from ml.validation.contract_validator import Tally

log = logging.getLogger(__name__)

Broken = Counter[tuple[str, str]]
"""Number of rows that break a rule, by column and rule."""


@dataclass(frozen=True)
class Judged:
    """A file with all that was found in it."""

    file: str
    file_id: int
    sha256: str
    rows: int
    rows_quarantined: int
    max_bad_fraction: float
    broken: Broken
    tallies: list[Tally]
    report: str
    judged_at: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC).replace(microsecond=0))

    @property
    def rows_good(self) -> int:
        """Rows that keep the contract."""
        return self.rows - self.rows_quarantined

    @property
    def bad_fraction(self) -> float:
        """Share of rows that break the contract; 0 where the file brought no row."""
        return self.rows_quarantined / max(self.rows, 1)

    @property
    def passed(self) -> bool:
        """Whether no larger share of rows than allowed breaks the contract."""
        return self.bad_fraction <= self.max_bad_fraction

    @property
    def verdict(self) -> str:
        """``passed`` or ``failed``."""
        return "passed" if self.passed else "failed"


def path_of(settings: Settings, use_case: UseCase, entry: LedgerEntry) -> Path:
    """Where the page of a file lies, the JSON file beside it; a file judged again replaces both."""
    name = f"{use_case.name}-{entry.id:06d}-{entry.sha256[:12]}.html"
    return (settings.reports_dir / "validation" / name).resolve()


def write(use_case: UseCase, judged: Judged) -> None:
    """Write page and JSON file to ``judged.report``, and log a link to the page."""
    page = Path(judged.report)
    page.parent.mkdir(parents=True, exist_ok=True)
    facts = _facts(use_case, judged)
    for path, text in ((page.with_suffix(".json"), json.dumps(facts, indent=2)), (page, _render(use_case, facts))):
        with publishing(path) as stream:
            stream.write(text.encode())
    log.info("Validation report of %s: %s", judged.file, page.as_uri())


def _facts(use_case: UseCase, judged: Judged) -> dict[str, Any]:
    """The JSON document; the page is drawn from the same."""
    return {
        "use_case": use_case.name,
        "file": judged.file,
        "file_id": judged.file_id,
        "sha256": judged.sha256,
        "judged_at": judged.judged_at.isoformat(),
        "verdict": judged.verdict,
        "rows": judged.rows,
        "rows_good": judged.rows_good,
        "rows_quarantined": judged.rows_quarantined,
        "bad_fraction": judged.bad_fraction,
        "max_bad_fraction": judged.max_bad_fraction,
        "columns": [_column_facts(*of, judged) for of in _columns(use_case.contract)],
        "expectations": [asdict(tally) for tally in judged.tallies],
    }


def _columns(contract: Contract) -> list[tuple[str, str, str]]:
    """Name, meaning and demand of each column, the event time included where it is derived."""
    columns = [(c.name, c.meaning, _demand(c)) for c in contract.columns]
    if contract.event_time and contract.event_time.derive:
        columns.append((contract.event_time.name, contract.event_time.meaning, "a date"))
    return columns


def _demand(column: Column) -> str:
    if column.is_numeric or column.categories:
        return allowed(column)
    kind = "a date, YYYY-MM-DD" if column.type is ColumnType.DATE else "a text"
    return kind + (" or null" if column.nulls == "allowed" else "")


def _column_facts(name: str, meaning: str, demand: str, judged: Judged) -> dict[str, object]:
    return {
        "column": name,
        "meaning": meaning,
        "demand": demand,
        "broken": {rule.value: count for rule in RuleName if (count := judged.broken[name, rule.value])},
        "examples": [e for t in judged.tallies if t.column == name for e in t.examples],
    }


def _render(use_case: UseCase, facts: dict[str, Any]) -> str:
    worst = max((sum(column["broken"].values()) for column in facts["columns"]), default=0)
    template = page_template(
        "validation_report.html",
        percent=lambda share: f"{100 * share:.3g} %",
        quoted=lambda value: json.dumps(value, ensure_ascii=False),
    )
    return template.render(facts, title=use_case.contract.title, worst=worst)
