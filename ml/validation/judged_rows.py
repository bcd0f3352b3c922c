"""The rows of one file on their way out of ``raw``: the good to ``features``, the bad to ``quarantine``."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict

import pandas as pd
from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from ml.contract import Contract
from ml.schema import EVENT_TIME, FILE_ID, LINE, ROW_KEY, SQL_TYPES
from ml.store import columns, copy_in, table
from ml.validation.contract_validator import Reason

_CELLS_AT_ONCE = 1_000_000
_REASONS = "_reasons"
_PROVENANCE = (ROW_KEY, EVENT_TIME, FILE_ID, LINE)


def begin(cursor: Cursor, contract: Contract) -> None:
    """Keep ``raw`` as it is until the transaction ends, and others from judging it; then take bad rows."""
    cursor.execute(sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(table(contract.use_case, "raw")))
    cursor.execute(f"CREATE TEMP TABLE bad ({ROW_KEY} text PRIMARY KEY, {_REASONS} jsonb NOT NULL) ON COMMIT DROP")


def frames(connection: Connection, contract: Contract, file_id: int) -> Iterator[pd.DataFrame]:
    """The file's rows in line order, in frames of at most a million cells: all columns and ``_event_time`` as text.

    The index is the row key. Memory does not grow with the file.
    """
    names = [c.name for c in contract.columns]
    statement = sql.SQL("SELECT {}, {}::text, {} FROM {} WHERE {} = %s ORDER BY {}").format(
        sql.Identifier(ROW_KEY), sql.Identifier(EVENT_TIME), columns(names), table(contract.use_case, "raw"),
        sql.Identifier(FILE_ID), sql.Identifier(LINE),
    )  # fmt: skip
    with connection.cursor(name="rows_to_judge") as cursor:
        cursor.execute(statement, (file_id,))
        while rows := cursor.fetchmany(_CELLS_AT_ONCE // (len(names) + 2) + 1):
            yield pd.DataFrame(rows, columns=[ROW_KEY, EVENT_TIME, *names], dtype="str").set_index(ROW_KEY)


def add_bad(cursor: Cursor, keys: Sequence[str], reasons: Mapping[int, Sequence[Reason]]) -> None:
    """Note the rows of a frame that break the contract; ``keys`` is its index, ``reasons`` by position in it."""
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerows((keys[at], json.dumps([asdict(r) for r in found])) for at, found in reasons.items())
    stream.seek(0)
    copy_in(cursor, sql.Identifier("bad"), [ROW_KEY, _REASONS], stream)


def settle(cursor: Cursor, contract: Contract, file_id: int, *, passed: bool) -> None:
    """Bring every row of the file where it belongs, in place of what was known under its key before.

    A row is in ``features`` or in ``quarantine``, not in both. Of a file that has not passed, the bad rows
    go to ``quarantine``, and ``features`` stays as it was.
    """
    _replace(cursor, contract, file_id, "quarantine", bad=True)
    if passed:
        _replace(cursor, contract, file_id, "features", bad=False)


def _replace(cursor: Cursor, contract: Contract, file_id: int, target: str, *, bad: bool) -> None:
    key, of_file = sql.Identifier(ROW_KEY), sql.SQL("raw.{} = {}").format(sql.Identifier(FILE_ID), sql.Literal(file_id))
    names, values = _verbatim(contract) if bad else _typed(contract)
    parts = {
        "target": table(contract.use_case, target),
        "raw": table(contract.use_case, "raw"),
        "key": key,
        "of_file": of_file,
        "names": columns(names),
        "values": values,
        "is_kind": sql.SQL("bad.{} IS NOT NULL" if bad else "bad.{} IS NULL").format(key),
    }
    for statement in (
        "DELETE FROM {target} AS held USING {raw} AS raw WHERE held.{key} = raw.{key} AND {of_file}",
        "INSERT INTO {target} ({names}) SELECT {values} FROM {raw} AS raw LEFT JOIN bad USING ({key})"
        " WHERE {of_file} AND {is_kind}",
    ):
        cursor.execute(sql.SQL(statement).format(**parts))


def _verbatim(contract: Contract) -> tuple[list[str], sql.Composable]:
    names = [*_PROVENANCE, *(c.name for c in contract.columns)]
    values = [*(sql.Identifier("raw", n) for n in names), sql.Identifier("bad", _REASONS)]
    return [*names, _REASONS], sql.SQL(", ").join(values)


def _typed(contract: Contract) -> tuple[list[str], sql.Composable]:
    """Postgres reads the text itself, so that no digit is lost on a way through floats."""
    values: list[sql.Composable] = [sql.Identifier("raw", n) for n in _PROVENANCE]
    values += [
        sql.SQL("{}::{}").format(sql.Identifier("raw", c.name), sql.SQL(SQL_TYPES[c.type])) for c in contract.columns
    ]
    return [*_PROVENANCE, *(c.name for c in contract.columns)], sql.SQL(", ").join(values)
