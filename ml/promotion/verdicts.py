"""Keeps what the gate said of each version, against each one it was judged by."""

from __future__ import annotations

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import Json
from pydantic import TypeAdapter

from ml.promotion.verdict import GateVerdict

_VERDICT = TypeAdapter(GateVerdict)


def keep(cursor: Cursor, model_name: str, version: str, production: str | None, verdict: GateVerdict) -> None:
    """Write a verdict; judged again against the same version in production, the old one is replaced."""
    cursor.execute(
        "INSERT INTO ml.gate_verdicts (model_name, model_version, production_version, passed, mode, verdict)"
        " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (model_name, model_version, production_version)"
        " DO UPDATE SET (passed, mode, verdict, at) = (excluded.passed, excluded.mode, excluded.verdict, now())",
        (model_name, version, production, verdict.passed, verdict.mode.value, Json(verdict.document())),
    )


def find(cursor: Cursor, model_name: str, version: str, production: str | None) -> GateVerdict | None:
    """The verdict on a version against that one in production; None where it was never given."""
    cursor.execute(
        "SELECT verdict FROM ml.gate_verdicts WHERE model_name = %s AND model_version = %s"
        " AND production_version IS NOT DISTINCT FROM %s",
        (model_name, version, production),
    )
    row = cursor.fetchone()
    return _read(row[0]) if row else None


def last(cursor: Cursor, model_name: str, version: str) -> dict[str, object] | None:
    """What the ledger of promotions says of the newest verdict on a version; None where there is none."""
    cursor.execute(
        "SELECT production_version, passed, verdict, at FROM ml.gate_verdicts"
        " WHERE model_name = %s AND model_version = %s ORDER BY at DESC LIMIT 1",
        (model_name, version),
    )
    row = cursor.fetchone()
    if row is None:
        return None
    against, passed, document, at = row
    return {"against": against, "passed": passed, "failed": _read(document).failed_rules, "at": at.isoformat()}


def _read(document: dict[str, object]) -> GateVerdict:
    return _VERDICT.validate_python({name: value for name, value in document.items() if name != "passed"})
