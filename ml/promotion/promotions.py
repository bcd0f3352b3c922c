"""The ledger of promotions: who put which version where, and why. Only ever added to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import Json

ROLLBACK = "rollback"
"""Source of an entry that takes a promotion back."""


@dataclass(frozen=True)
class Entry:
    """One change, or one refusal, of a version's stage; ``gate`` is what the gate had said of the version."""

    model_name: str
    from_version: str | None
    to_version: str
    stage: str
    outcome: Literal["promoted", "refused"]
    actor: str
    source: str
    why: str
    gate: dict[str, object] | None = None


def append(cursor: Cursor, entry: Entry) -> None:
    """Write an entry."""
    cursor.execute(
        "INSERT INTO ml.promotions (model_name, from_version, to_version, stage, outcome, actor, source, why, gate)"
        " VALUES (%(model_name)s, %(from_version)s, %(to_version)s, %(stage)s, %(outcome)s, %(actor)s, %(source)s,"
        " %(why)s, %(gate)s)",
        {**vars(entry), "gate": Json(entry.gate) if entry.gate else None},
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


def predecessor(cursor: Cursor, model_name: str) -> str | None:
    """The version to go back to; None where production never had another one.

    A rollback takes back the promotion before it, so that a second one goes back one version further.
    """
    cursor.execute(
        "SELECT to_version, source FROM ml.promotions WHERE model_name = %s AND stage = 'Production'"
        " AND outcome = 'promoted' ORDER BY id",
        (model_name,),
    )
    way: list[str] = []
    for version, source in cursor.fetchall():
        if source == ROLLBACK:
            while way and way[-1] != version:
                way.pop()
        if not way or way[-1] != version:
            way.append(version)
    return way[-2] if len(way) > 1 else None


def known_models(cursor: Cursor) -> list[str]:
    """Names of the models that were ever trained or promoted here."""
    cursor.execute("SELECT model_name FROM ml.training_data UNION SELECT model_name FROM ml.promotions ORDER BY 1")
    return [str(name) for (name,) in cursor.fetchall()]
