"""Who put which version where, why, and what the gate had said of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from psycopg2.extensions import cursor as Cursor


@dataclass(frozen=True)
class GateRule:
    """One rule of a verdict, with figure and limit as people read them."""

    name: str
    figure: str
    limit: str
    passed: bool


@dataclass(frozen=True)
class GateEvidence:
    """What the gate said of a version against the one in production; ``against`` is None where there was none."""

    passed: bool
    against: str | None
    at: dt.datetime
    rules: list[GateRule]
    notes: list[str]


@dataclass(frozen=True)
class LedgerEntry:
    """A row of ``ml.promotions``; ``gate`` is None for a version that was never judged."""

    gate: GateEvidence | None
    at: dt.datetime
    from_version: str | None
    to_version: str
    stage: str
    outcome: str
    actor: str
    source: str
    why: str


_NEWEST_VERDICT = (
    " LEFT JOIN LATERAL (SELECT passed, production_version, at, verdict FROM ml.gate_verdicts g"
    " WHERE g.model_name = p.model_name AND g.model_version = p.to_version"
    " ORDER BY (g.production_version IS NOT DISTINCT FROM p.from_version) DESC, g.at DESC LIMIT 1) AS g ON true"
)


_ENTRIES = (
    "SELECT p.at, from_version, to_version, stage, outcome, actor, source, why, g.passed, g.production_version, g.at,"
    f" g.verdict FROM ml.promotions p {_NEWEST_VERDICT} WHERE p.model_name = %s"
)


def ledger(cursor: Cursor, model_name: str, *, limit: int = 20) -> list[LedgerEntry]:
    """The newest entries of a model, the newest first, each with the verdict against the version it replaced."""
    cursor.execute(f"{_ENTRIES} ORDER BY p.id DESC LIMIT %s", (model_name, limit))
    return [LedgerEntry(_gate(*row[8:]), *row[:8]) for row in cursor.fetchall()]


def entries_between(cursor: Cursor, model_name: str, start: dt.datetime, end: dt.datetime) -> list[LedgerEntry]:
    """The entries that were made in that time, both ends included."""
    cursor.execute(f"{_ENTRIES} AND p.at BETWEEN %s AND %s ORDER BY p.id", (model_name, start, end))
    return [LedgerEntry(_gate(*row[8:]), *row[:8]) for row in cursor.fetchall()]


def _gate(
    passed: bool | None, against: str | None, at: dt.datetime | None, document: Mapping[str, object] | None
) -> GateEvidence | None:
    if passed is None or at is None or document is None:
        return None
    rules, notes = document.get("rules"), document.get("notes")
    assert isinstance(rules, list)
    assert isinstance(notes, list | None)
    return GateEvidence(passed, against, at, [GateRule(**rule) for rule in rules], notes or [])
