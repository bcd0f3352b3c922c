"""What identifies a row, and which rows of a staged file repeat an earlier one."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from ml.contract import Column, Contract


def digest(contract: Contract, cell: Mapping[str, sql.Composable]) -> sql.Composable:
    """The row's key as an expression over its cells: the first 128 bits of a SHA-256, in hex.

    Of the key columns; of all columns of the contract, in its order, where it declares no key or where
    a key cell is null. A record's text form quotes its cells, so no two rows share it.
    """
    return _of_identity(contract, cell, "left(encode(sha256(convert_to(ROW({})::text, 'UTF8')), 'hex'), 32)")


def digest_of(cells: Sequence[str]) -> str:
    """What :func:`digest` gives for these cells of the key columns, none of them null, as they stand in a file."""
    record = ",".join(_quoted(cell) for cell in cells)
    return hashlib.sha256(f"({record})".encode()).hexdigest()[:32]


def _quoted(cell: str) -> str:
    """A cell in a record's text form, as Postgres writes it."""
    if cell and not re.search(r'["\\(),\s]', cell, re.ASCII):
        return cell
    doubled = re.sub(r'(["\\])', r"\1\1", cell)
    return f'"{doubled}"'


def hash64(contract: Contract, cell: Mapping[str, sql.Composable]) -> sql.Composable:
    """A quick hash of what the key is made of: rows with the same key share it, a few others may."""
    return _of_identity(contract, cell, "hash_record_extended(ROW({}), 0)")


def _of_identity(contract: Contract, cell: Mapping[str, sql.Composable], function: str) -> sql.Composable:
    def of(columns: Sequence[Column]) -> sql.Composable:
        return sql.SQL(function).format(sql.SQL(", ").join(cell[c.name] for c in columns))

    if not contract.key:
        return of(contract.columns)
    key_is_null = sql.SQL(" OR ").join(sql.SQL("{} IS NULL").format(cell[c.name]) for c in contract.key)
    return sql.SQL("CASE WHEN {} THEN {} ELSE {} END").format(key_is_null, of(contract.columns), of(contract.key))


def find_repeats(cursor: Cursor, contract: Contract, cell: Mapping[str, sql.Composable]) -> None:
    """Make the temporary table ``repeats``: ``line`` of each row of ``staged`` whose key an earlier row has."""
    cursor.execute(
        sql.SQL(
            "CREATE TEMP TABLE repeats ON COMMIT DROP AS SELECT line FROM ("
            " SELECT line, row_number() OVER (PARTITION BY {key} ORDER BY line) AS occurrence FROM staged"
            " WHERE hash IN (SELECT hash FROM staged GROUP BY hash HAVING count(*) > 1)"
            ") AS suspects WHERE occurrence > 1"
        ).format(key=digest(contract, cell))
    )
