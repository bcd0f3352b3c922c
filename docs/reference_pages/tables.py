"""The tables of the schema ``ml``, from the migrations and the comments in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from reference_pages import REPOSITORY
from reference_pages.markdown import table

_TABLE = re.compile(r"^CREATE TABLE (?:IF NOT EXISTS )?ml\.(\w+) \($")
_VIEW = re.compile(r"^CREATE VIEW ml\.(\w+) AS$")
_ADDED = re.compile(r"^ALTER TABLE ml\.(\w+)$")
_COLUMN = re.compile(r"^ {4}(?:ADD COLUMN (?:IF NOT EXISTS )?)?(\w+)\s+(.+?),?\s*(?:--\s*(.*))?$")
_CONSTRAINTS = ("PRIMARY", "UNIQUE", "CONSTRAINT", "CHECK", "FOREIGN", "EXCLUDE")


@dataclass
class Table:
    """A table or view with its columns; the meaning is the comment before it."""

    name: str
    meaning: str
    since: str
    columns: list[tuple[str, str, str]] = field(default_factory=list)
    """Name, type with constraints, comment."""


def page() -> str:
    """A section a table."""
    parts = [
        "# Tables",
        "Of the platform's database, made from `ml/migrations/`, which run once and in order (`mlp migrate`)."
        " Each use case has a schema of its own beside it, with the tables `raw`, `features`, `quarantine` and"
        " `predictions`, whose columns are those of its contract and `_row_key`, `_event_time`, `_file_id`, `_line`.",
    ]
    for found in read_tables(REPOSITORY / "ml" / "migrations"):
        rows = [(f"`{name}`", f"`{kind}`", comment) for name, kind, comment in found.columns]
        body = table(("Column", "Type", ""), rows) if rows else ""
        parts += [f"## ml.{found.name}", f"{found.meaning} ({found.since})", body]
    return "\n\n".join(filter(None, parts)) + "\n"


def read_tables(migrations: Path) -> list[Table]:
    """All of them, in the order of their making, with the columns that came later."""
    found: dict[str, Table] = {}
    for path in sorted(migrations.glob("*.sql")):
        for made in list(_statements(path)):
            known = found.setdefault(made.name, made)
            if known is not made:
                known.columns += made.columns
    return list(found.values())


def _statements(path: Path) -> Iterator[Table]:
    comment: list[str] = []
    now: Table | None = None
    for line in path.read_text(encoding="utf-8").splitlines():
        if match := _TABLE.match(line) or _VIEW.match(line) or _ADDED.match(line):
            now = Table(match[1], " ".join(comment), path.stem)
            yield now
        if line.startswith("-- "):
            comment.append(line.removeprefix("-- "))
        else:
            comment = []
        column = _COLUMN.match(line) if now else None
        if now and column and column[1].isidentifier() and column[1] not in _CONSTRAINTS and column[1].islower():
            now.columns.append((column[1], column[2].removesuffix(";"), column[3] or ""))
        if line.rstrip().endswith(";") or line.startswith(")"):
            now = None
