"""Where a batch comes from: a part of ``features``, or a CSV or Parquet file, in frames of bounded memory.

Every source gives the same: cells as text, null for null, the index naming each row. So a batch is
read by the same rules wherever it comes from.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from psycopg2 import sql

from ml.byte_check import CheckedBytes, sha256_of
from ml.contract import Column, Contract
from ml.errors import FileRefused
from ml.schema import EVENT_TIME, FILE_ID, LINE, ROW_KEY
from ml.settings import Settings
from ml.store import columns, connect, table
from ml.use_case import UseCase

_ROWS_AT_ONCE = 50_000
_PARQUET = b"PAR1"


def feature_frames(
    settings: Settings, use_case: UseCase, names: Sequence[str], start: dt.date | None, end: dt.date | None
) -> Generator[pd.DataFrame]:
    """Columns of ``features`` with an event date from ``start`` to ``end``, both included; by file and line."""
    statement = sql.SQL(
        "SELECT {}, {} FROM {} WHERE ({time} >= %(start)s OR %(start)s IS NULL)"
        " AND ({time} <= %(end)s OR %(end)s IS NULL) ORDER BY {}"
    ).format(
        sql.Identifier(ROW_KEY),
        sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(n)) for n in names),
        table(use_case.name, "features"),
        columns([FILE_ID, LINE]),
        time=sql.Identifier(EVENT_TIME),
    )
    with connect(settings.database_url, application="score") as connection, connection.cursor(name="batch") as cursor:
        cursor.execute(statement, {"start": start, "end": end})
        while rows := cursor.fetchmany(_ROWS_AT_ONCE):
            yield pd.DataFrame(rows, columns=[ROW_KEY, *names], dtype="str").set_index(ROW_KEY)


def file_frames(contract: Contract, features: Sequence[Column], path: Path) -> Generator[pd.DataFrame]:
    """The features' columns of a file; what else it holds is ignored, the target included.

    A row is known by the contract's key columns where the file has them, else by the file's content and
    its place in it. Raises :class:`FileRefused`, mostly before the first frame, where the file cannot be read
    or lacks a column.
    """
    try:
        with path.open("rb") as file:
            is_parquet, checksum = file.read(4) == _PARQUET, sha256_of(file)
    except OSError as error:
        raise _refused(path, f"it cannot be opened: {error.strerror}") from error
    keys = [c.name for c in contract.key]
    names = [f.name for f in features]
    first = 0
    for frame in _parquet_frames(path) if is_parquet else _csv_frames(contract, path):
        missing = [n for n in names if n not in frame.columns]
        if missing:
            raise _refused(path, f"it lacks {', '.join(map(repr, missing))}; it has {', '.join(map(repr, frame))[:500]}")
        identity = frame[keys] if keys and set(keys) <= set(frame.columns) else None
        frame.index = pd.Index(_row_keys(identity, checksum, range(first, first + len(frame))), name=ROW_KEY)
        first += len(frame)
        yield frame[names]


def _row_keys(identity: pd.DataFrame | None, checksum: str, places: range) -> list[str]:
    rows = ([checksum, place] for place in places) if identity is None else identity.itertuples(index=False)
    return [hashlib.sha256(repr(tuple(row)).encode()).hexdigest()[:32] for row in rows]


def _csv_frames(contract: Contract, path: Path) -> Iterator[pd.DataFrame]:
    """As the contract says files are written: its delimiter, its null; UTF-8."""
    with path.open("rb") as file:
        checked = CheckedBytes(file, path.name)
        while checked.read():
            pass
    options = {"sep": contract.file.delimiter, "na_values": [contract.file.null], "encoding": "utf-8-sig"}
    try:
        yield from pd.read_csv(  # type: ignore[call-overload]
            path, dtype="str", keep_default_na=False, index_col=False, chunksize=_ROWS_AT_ONCE, **options
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, pd.errors.ParserWarning) as error:
        raise _refused(path, f"it is no well-formed CSV: {error}") from error


def _parquet_frames(path: Path) -> Iterator[pd.DataFrame]:
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(_ROWS_AT_ONCE):
                yield pd.DataFrame({n: _as_text(batch.column(n)) for n in batch.schema.names}, dtype="str")
    except (pa.ArrowException, OSError) as error:
        raise _refused(path, f"it cannot be read as Parquet: {error}") from error


def _as_text(values: pa.Array) -> pd.Series:
    """Cells as they would be written; NaN is null, and a boolean is spelled as Python does."""
    if pa.types.is_floating(values.type):
        values = pc.if_else(pc.is_nan(values), None, values)
    texts = pc.cast(values, pa.string())
    cells: pd.Series = (pc.utf8_capitalize(texts) if pa.types.is_boolean(values.type) else texts).to_pandas()
    return cells


def _refused(path: Path, reason: str) -> FileRefused:
    return FileRefused(path.name, reason)
