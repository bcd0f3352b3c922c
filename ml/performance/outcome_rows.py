"""Labels that come as rows: ingested with their target after they had been predicted in a batch."""

from __future__ import annotations

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from ml.contract import Contract
from ml.schema import FILE_ID, ROW_KEY, SQL_TYPES
from ml.store import table


def add_rows(cursor: Cursor, contract: Contract) -> int:
    """Add the labels of rows whose key a batch prediction has, seen when their file was loaded; returns how many."""
    target = contract.target
    cursor.execute(
        sql.SQL(
            "INSERT INTO ml.outcomes (inference_id, use_case, label, observed_at)"
            " SELECT i.inference_id, i.use_case, (f.{target} = %s::{type})::int, ledger.at"
            " FROM ml.inference_logs i JOIN {features} f ON f.{key} = i.row_key"
            " JOIN ml.ingest_ledger ledger ON ledger.id = f.{file}"
            " WHERE i.use_case = %s AND i.source = 'batch' AND f.{target} IS NOT NULL"
            " AND NOT EXISTS (SELECT FROM ml.outcomes o WHERE o.inference_id = i.inference_id)"
            " ON CONFLICT (inference_id) DO NOTHING"
        ).format(
            target=sql.Identifier(target.name),
            type=sql.SQL(SQL_TYPES[target.type]),
            features=table(contract.use_case, "features"),
            key=sql.Identifier(ROW_KEY),
            file=sql.Identifier(FILE_ID),
        ),
        (str(target.positive), contract.use_case),
    )
    return cursor.rowcount
