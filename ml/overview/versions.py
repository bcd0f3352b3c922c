"""Which versions serve and challenge, and since when, by the ledger of promotions."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from psycopg2.extensions import cursor as Cursor


@dataclass(frozen=True)
class Standing:
    """A version in its role since a moment, put there by ``actor``.

    What training left of it is None where it was trained elsewhere.
    """

    version: str
    since: dt.datetime
    actor: str
    why: str
    trained_at: dt.datetime | None
    run_id: str | None
    metric: str | None
    value: float | None
    n_train: int | None


_TRAINED = " LEFT JOIN ml.training_data t ON t.model_name = %(model)s AND t.model_version = found.to_version"
_FACTS = (
    "found.to_version, found.since, found.actor, found.why, t.timestamp, t.run_id, t.metric_name, t.metric_value,"
    " t.n_train"
)


def production(cursor: Cursor, model_name: str) -> Standing | None:
    """The version in production; None before the first promotion."""
    cursor.execute(
        f"SELECT {_FACTS} FROM (SELECT *, at AS since FROM ml.promotions WHERE model_name = %(model)s"
        " AND stage = 'Production' AND outcome = 'promoted' ORDER BY id DESC LIMIT 1) AS found" + _TRAINED,
        {"model": model_name},
    )
    row = cursor.fetchone()
    return Standing(*row) if row else None


def challenger(cursor: Cursor, model_name: str) -> Standing | None:
    """The version that challenges production; None where there is none, or it was promoted since.

    ``since`` is when it became the challenger, ``why`` what was last said of it: its mode, mostly.
    """
    cursor.execute(
        "WITH named AS (SELECT * FROM ml.promotions WHERE model_name = %(model)s AND stage = 'Challenger'"
        " AND outcome = 'promoted'), newest AS (SELECT * FROM named ORDER BY id DESC LIMIT 1)"
        f" SELECT {_FACTS} FROM (SELECT newest.*, (SELECT min(at) FROM named WHERE to_version = newest.to_version"
        " AND id > coalesce((SELECT max(id) FROM named WHERE to_version <> newest.to_version), 0)) AS since FROM newest"
        " WHERE NOT EXISTS (SELECT FROM ml.promotions p WHERE p.model_name = %(model)s AND p.stage = 'Production'"
        " AND p.outcome = 'promoted' AND p.to_version = newest.to_version AND p.id > newest.id)) AS found" + _TRAINED,
        {"model": model_name},
    )
    row = cursor.fetchone()
    return Standing(*row) if row else None
