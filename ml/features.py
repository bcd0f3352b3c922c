"""The training frame: rows that keep the contract, read back in the order of their files."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
from psycopg2 import sql

from ml.contract import Column, Contract
from ml.lineage.training import SnapshotRows, rows_by_file
from ml.schema import EVENT_TIME, FILE_ID, LINE, ensure_tables
from ml.settings import Settings
from ml.store import columns, connect, table, table_checksum
from ml.use_case import UseCase


@dataclass(frozen=True)
class Snapshot:
    """The features as they are at one moment; the same rows have the same ``id``.

    ``frame`` has a column a contract column: numbers as float64 with NaN for null, all else as text with None.
    ``times`` are the dates the rows belong to, None where the contract has no event time. ``files`` says which lines
    of which files the rows are.
    """

    id: str
    frame: pd.DataFrame
    times: pd.Series | None
    files: SnapshotRows = ()


def read_snapshot(settings: Settings, use_case: UseCase) -> Snapshot:
    """All features of a use case, in the order of files and of the lines in them; no rows before the first file."""
    contract = use_case.contract
    names = [c.name for c in contract.columns]
    features = table(contract.use_case, "features")
    order = sql.SQL("SELECT {} FROM {} ORDER BY {}").format(
        columns([*names, EVENT_TIME]), features, columns([FILE_ID, LINE])
    )
    with connect(settings.database_url) as connection, connection.cursor() as cursor:
        ensure_tables(cursor, contract)
    with connect(settings.database_url) as connection, connection.cursor() as cursor:
        # One view of the table for all reads, whatever is loaded meanwhile.
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        identity = table_checksum(cursor, features, names)
        files = rows_by_file(cursor, contract.use_case)
        cursor.execute(order)
        rows = cursor.fetchall()
    frame = pd.DataFrame(rows, columns=[*names, EVENT_TIME], dtype=object)
    times = pd.to_datetime(frame.pop(EVENT_TIME)) if contract.event_time else None
    return Snapshot(identity, frame.assign(**{c.name: typed(frame[c.name], c) for c in contract.columns}), times, files)


def typed(values: pd.Series, column: Column) -> pd.Series:
    """A column as models take it: float64 for numbers, text else; null is NaN or None."""
    if column.is_numeric:
        numbers: pd.Series = pd.Series(pd.to_numeric(values), dtype="float64")
        return numbers
    texts = values.astype(object)
    return texts.where(texts.notna(), None)


def target(frame: pd.DataFrame, contract: Contract) -> pd.Series:
    """1 where the target has its positive value, 0 else."""
    column = contract.target
    labels: pd.Series = (frame[column.name] == typed(pd.Series([column.positive]), column)[0]).astype("int64")
    return labels
