"""A file in the temporary table ``staged`` of this transaction, its cells verbatim."""

from __future__ import annotations

import re

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from ml.contract import Contract
from ml.errors import FileRefused
from ml.ingestion.byte_check import MAX_RECORD, CheckedBytes
from ml.ingestion.event_time import month_and_day
from ml.ingestion.header import Header
from ml.ingestion.row_key import hash64


def staged_cells(contract: Contract, header: Header) -> dict[str, sql.Identifier]:
    """The column of ``staged`` that holds each column of the contract.

    They are called ``c0``, ``c1``, … in the file's order: no name from a file becomes part of a statement.
    """
    return {c.name: sql.Identifier(f"c{header.names.index(c.name)}") for c in contract.columns}


def stage(cursor: Cursor, contract: Contract, header: Header, stream: CheckedBytes, file: str) -> int:
    """COPY a file; returns its number of rows. Raises :class:`FileRefused` where it is no well-formed CSV.

    Beside the cells, each row has its ``line``, the ``hash`` of what identifies it, and the ``month`` and
    ``day`` its date is derived from, if it is. ``line`` counts records: the header is 1, and a line break
    inside quotes starts no new one.
    """
    names = sql.SQL(", ").join(sql.Identifier(f"c{i}") for i in range(len(header.names)))
    _make_table(cursor, contract, header)
    copy = sql.SQL("COPY staged ({}) FROM STDIN (FORMAT csv, HEADER true, ENCODING 'UTF8', DELIMITER {}, NULL {})")
    delimiter, null = sql.Literal(contract.file.delimiter), sql.Literal(contract.file.null)
    try:
        cursor.copy_expert(copy.format(names, delimiter, null), stream, MAX_RECORD)  # type: ignore[arg-type]
    except (psycopg2.DataError, psycopg2.errors.QueryCanceled) as error:
        raise (stream.refusal or _in_plain_words(file, header, error)) from error
    return int(cursor.rowcount)


def _make_table(cursor: Cursor, contract: Contract, header: Header) -> None:
    # Sorting, hashing and building indexes spill to disk beyond these, so that any file fits.
    cursor.execute("SET LOCAL work_mem = '128MB'; SET LOCAL maintenance_work_mem = '256MB'")
    cursor.execute("SET LOCAL temp_buffers = '64MB'")
    cell = staged_cells(contract, header)
    derived = {"hash": ("bigint", hash64(contract, cell)), **month_and_day(contract, cell)}
    columns: list[sql.Composable] = [sql.SQL("line bigint GENERATED ALWAYS AS IDENTITY (START 2 CACHE 1000)")]
    columns += [
        sql.SQL("{} {} GENERATED ALWAYS AS ({}) STORED").format(sql.Identifier(name), sql.SQL(kind), value)
        for name, (kind, value) in derived.items()
    ]
    columns += [sql.SQL("{} text").format(sql.Identifier(f"c{i}")) for i in range(len(header.names))]
    cursor.execute(sql.SQL("CREATE TEMP TABLE staged ({}) ON COMMIT DROP").format(sql.SQL(", ").join(columns)))


def _in_plain_words(file: str, header: Header, error: psycopg2.Error) -> Exception:
    """What COPY found wrong with the file; an error that is not the file's fault as it is."""
    if isinstance(error, psycopg2.errors.QueryCanceled):
        return error
    said, line = error.diag.message_primary or str(error), re.search(r"\d+", error.diag.context or "")
    short = re.search(r'"c(\d+)"', said)
    if short:
        name = header.names[int(short[1])]
        said = f"the row ends before column {name!r}: it is cut off, empty or lacks a delimiter"
    elif "extra data" in said:
        said = "the row has more cells than the header"
    elif "unterminated" in said:
        said = "a quote is opened and never closed: the file is cut off, or a quote is missing"
    elif "unquoted" in said:
        said = "some lines end with LF and some with CR or CRLF; save the file with one of them"
    return FileRefused(file, said, line=int(line[0]) if line else None)
