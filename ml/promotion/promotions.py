"""The ledger of promotions: who put which version where, and why. Only ever added to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from psycopg2.extensions import cursor as Cursor


@dataclass(frozen=True)
class Entry:
    """One change, or one refusal, of a version's stage."""

    model_name: str
    from_version: str | None
    to_version: str
    stage: str
    outcome: Literal["promoted", "refused"]
    actor: str
    source: str
    why: str


def append(cursor: Cursor, entry: Entry) -> None:
    """Write an entry."""
    cursor.execute(
        "INSERT INTO ml.promotions (model_name, from_version, to_version, stage, outcome, actor, source, why)"
        " VALUES (%(model_name)s, %(from_version)s, %(to_version)s, %(stage)s, %(outcome)s, %(actor)s, %(source)s,"
        " %(why)s)",
        vars(entry),
    )


def last_production(cursor: Cursor, model_name: str) -> str | None:
    """The version that the ledger says is in production; None before the first promotion."""
    cursor.execute(
        "SELECT to_version FROM ml.promotions WHERE model_name = %s AND stage = 'Production' AND outcome = 'promoted'"
        " ORDER BY id DESC LIMIT 1",
        (model_name,),
    )
    row = cursor.fetchone()
    return str(row[0]) if row else None


def known_models(cursor: Cursor) -> list[str]:
    """Names of the models that were ever trained or promoted here."""
    cursor.execute("SELECT model_name FROM ml.training_data UNION SELECT model_name FROM ml.promotions ORDER BY 1")
    return [str(name) for (name,) in cursor.fetchall()]
