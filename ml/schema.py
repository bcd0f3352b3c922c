"""The tables of a use case, derived from its contract.

All lie in a schema named like the use case. Columns that the platform adds begin with an
underscore, so that no column of a contract can be mistaken for one of them.
"""

from __future__ import annotations

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from ml.contract import ColumnType, Contract
from ml.store import lock

ROW_KEY = "_row_key"
"""Hex digest that identifies a row: of its key columns, or of its whole content where it has none."""
EVENT_TIME = "_event_time"
"""Date the row belongs to; null where the contract has no event time."""
FILE_ID = "_file_id"
"""``ml.ingest_ledger.id`` of the file the row came from."""
LINE = "_line"
"""Line of the row in its file; the first row after the header is 2."""

SQL_TYPES = {
    ColumnType.INTEGER: "bigint",
    ColumnType.NUMBER: "double precision",
    ColumnType.CATEGORY: "text",
    ColumnType.TEXT: "text",
    ColumnType.DATE: "date",
}
"""Type of a column in ``features``."""
_PROVENANCE = f"{ROW_KEY} text PRIMARY KEY, {EVENT_TIME} date, {FILE_ID} bigint NOT NULL, {LINE} bigint NOT NULL"


def ensure_tables(cursor: Cursor, contract: Contract) -> None:
    """Create what is missing of ``raw``, ``features``, ``quarantine`` and ``predictions``.

    ``raw`` holds each cell verbatim, as text; ``features`` holds rows that keep the contract, typed;
    ``quarantine`` holds rows that do not, verbatim, each with its reasons.
    """
    lock(cursor, "schema", contract.use_case)
    schema = sql.Identifier(contract.use_case)
    verbatim = _definitions(contract, verbatim=True)
    typed = _definitions(contract, verbatim=False)
    for statement in (
        sql.SQL("CREATE SCHEMA IF NOT EXISTS {s}"),
        sql.SQL(f"CREATE TABLE IF NOT EXISTS {{s}}.raw ({_PROVENANCE}, {{verbatim}})"),
        sql.SQL("CREATE INDEX IF NOT EXISTS raw_file ON {s}.raw (_file_id)"),
        sql.SQL(f"CREATE TABLE IF NOT EXISTS {{s}}.features ({_PROVENANCE}, {{typed}})"),
        sql.SQL("CREATE INDEX IF NOT EXISTS features_time ON {s}.features (_event_time)"),
        sql.SQL(f"CREATE TABLE IF NOT EXISTS {{s}}.quarantine ({_PROVENANCE}, _reasons jsonb NOT NULL, {{verbatim}})"),
        sql.SQL(
            "CREATE TABLE IF NOT EXISTS {s}.predictions (model_name text NOT NULL, model_version text NOT NULL,"
            " row_key text NOT NULL, logical_date timestamptz NOT NULL, inference_id uuid NOT NULL, prediction smallint"
            " NOT NULL, probability double precision NOT NULL, PRIMARY KEY (model_name, model_version, row_key,"
            " logical_date))"
        ),
    ):
        cursor.execute(statement.format(s=schema, verbatim=verbatim, typed=typed))


def _definitions(contract: Contract, *, verbatim: bool) -> sql.Composed:
    return sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(c.name), sql.SQL("text" if verbatim else SQL_TYPES[c.type]))
        for c in contract.columns
    )
