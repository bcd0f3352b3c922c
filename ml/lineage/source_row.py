"""The row of a file that a batch predicted."""

from __future__ import annotations

from typing import Any

from psycopg2 import sql
from psycopg2.extras import RealDictCursor

from ml.lineage.records import SourceFile, SourceRow
from ml.schema import FILE_ID, LINE, ROW_KEY
from ml.store import table

_FILE = "SELECT id AS file_id, file_name, sha256, bytes, at AS loaded_at, status FROM ml.ingest_ledger WHERE id = %s"
_IN_SNAPSHOT = (
    "SELECT coalesce(bool_or(file_id = %(file_id)s AND lines @> %(line)s::bigint), false) AS was_in FROM"
    " ml.training_files WHERE model_name = %(model_name)s AND model_version = %(model_version)s HAVING count(*) > 0"
)


def source_row(cursor: RealDictCursor, logged: dict[str, Any]) -> SourceRow:
    """Of a logged batch prediction, with ``row_key``, ``file_id`` and ``line``, which may be null."""
    now = _row_now(cursor, logged["use_case"], logged["row_key"])
    recorded = logged["file_id"] is not None
    features = None if now is None else {n: value for n, value in now.items() if not n.startswith("_")}
    place = (logged["file_id"], logged["line"]) if recorded else (now[FILE_ID], now[LINE]) if now else (None, None)
    return SourceRow(
        row_key=logged["row_key"],
        recorded=recorded,
        file=_file(cursor, place[0]),
        line=place[1],
        features=features,
        is_unchanged=None if features is None else logged["input"].items() <= features.items(),
        in_snapshot=_in_snapshot(cursor, logged, *place),
    )


def _row_now(cursor: RealDictCursor, use_case: str, row_key: str) -> dict[str, Any] | None:
    cursor.execute(
        sql.SQL("SELECT row_to_json(f) AS row FROM {} f WHERE {} = %s").format(
            table(use_case, "features"), sql.Identifier(ROW_KEY)
        ),
        (row_key,),
    )
    found = cursor.fetchone()
    return found["row"] if found else None


def _file(cursor: RealDictCursor, file_id: int | None) -> SourceFile | None:
    cursor.execute(_FILE, (file_id,))
    found = cursor.fetchone()
    return SourceFile(**found) if found else None


def _in_snapshot(cursor: RealDictCursor, logged: dict[str, Any], file_id: int | None, line: int | None) -> bool | None:
    if file_id is None:
        return None
    cursor.execute(_IN_SNAPSHOT, {**logged, "file_id": file_id, "line": line})
    found = cursor.fetchone()
    return bool(found["was_in"]) if found else None
