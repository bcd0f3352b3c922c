"""From a staged file into ``raw``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from ml.contract import Contract
from ml.ingestion.event_time import event_time
from ml.ingestion.header import Header
from ml.ingestion.row_key import digest, find_repeats
from ml.ingestion.staging import staged_cells
from ml.schema import EVENT_TIME, FILE_ID, LINE, ROW_KEY
from ml.store import columns, table


def store_rows(cursor: Cursor, contract: Contract, header: Header, file_id: int) -> tuple[int, str | None]:
    """Bring the staged rows into ``raw``; returns how many had a key that was not there, and a note on dates.

    Of rows with one key the first line of a file counts. Of several files, ``raw`` holds the row of the one
    with the greatest checksum, so that files loaded in any order end the same; where key and content are
    one, it stays with the file that brought it first. Either way a row leaves a file that failed validation,
    so that a corrected file is judged, and used, as a whole.
    """
    cell = staged_cells(contract, header)
    find_repeats(cursor, contract, cell)
    date, note = event_time(cursor, contract, cell)
    raw = table(contract.use_case, "raw")
    names = [ROW_KEY, EVENT_TIME, FILE_ID, LINE, *(c.name for c in contract.columns)]
    values = [digest(contract, cell), date, sql.Literal(file_id), sql.Identifier("line"), *cell.values()]
    with _indexes_built_afterwards(cursor, contract) as is_first:
        cursor.execute(
            sql.SQL(
                "WITH stored AS (INSERT INTO {raw} AS held ({names}) SELECT {values}"
                " FROM staged LEFT JOIN carried USING (line) WHERE line NOT IN (SELECT line FROM repeats)"
                # A row that was there has been locked by its update, and says so in xmax.
                " {on_conflict} RETURNING xmax = 0 AS is_new) SELECT count(*) FILTER (WHERE is_new) FROM stored"
            ).format(
                raw=raw,
                names=columns(names),
                values=sql.SQL(", ").join(values),
                on_conflict=sql.SQL("") if is_first else _on_conflict(contract, names, file_id),
            )
        )
        ((new,),) = cursor.fetchall()
    return new, note


def _on_conflict(contract: Contract, names: list[str], file_id: int) -> sql.Composable:
    """The rule for a row that is there already, see :func:`store_rows`."""
    derived = contract.event_time is not None and contract.event_time.derive is not None
    return sql.SQL(
        "ON CONFLICT ({key}) DO UPDATE SET {changes} WHERE EXISTS ("
        "SELECT FROM ml.ingest_ledger AS old, ml.ingest_ledger AS new WHERE old.id = held.{file_id} AND new.id = {new}"
        " AND (old.validation = 'failed' OR ({may_differ} AND old.sha256 < new.sha256)))"
    ).format(
        key=sql.Identifier(ROW_KEY),
        changes=sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(sql.Identifier(n)) for n in names[1:]),
        file_id=sql.Identifier(FILE_ID),
        new=sql.Literal(file_id),
        may_differ=sql.Literal(bool(contract.key) or derived),
    )


@contextmanager
def _indexes_built_afterwards(cursor: Cursor, contract: Contract) -> Iterator[bool]:
    """While ``raw`` is empty, which it yields, build its indexes once instead of row by row: much faster.

    They are those of :func:`ml.schema.ensure_tables`, which cannot be called here: its lock comes before the table's.
    """
    raw = table(contract.use_case, "raw")
    cursor.execute(sql.SQL("SELECT NOT EXISTS (SELECT FROM {})").format(raw))
    ((is_empty,),) = cursor.fetchall()
    if is_empty:
        cursor.execute(sql.SQL("ALTER TABLE {} DROP CONSTRAINT raw_pkey").format(raw))
        cursor.execute(sql.SQL("DROP INDEX {}").format(table(contract.use_case, "raw_file")))
    yield is_empty
    if is_empty:
        key, file_id = sql.Identifier(ROW_KEY), sql.Identifier(FILE_ID)
        cursor.execute(sql.SQL("ALTER TABLE {} ADD CONSTRAINT raw_pkey PRIMARY KEY ({})").format(raw, key))
        cursor.execute(sql.SQL("CREATE INDEX raw_file ON {} ({})").format(raw, file_id))
