"""Where a batch comes from: a part of ``features``, or a CSV or Parquet file, in frames of bounded memory.

Every source gives the same: cells as text, null for null, the index naming each row. So a batch is
read by the same rules wherever it comes from.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
from psycopg2 import sql

from ml.contract import Column, Contract
from ml.errors import FileRefused
from ml.ingestion.byte_check import CheckedBytes, sha256_of
from ml.ingestion.header import split_header
from ml.ingestion.row_key import digest_of
from ml.schema import EVENT_TIME, FILE_ID, LINE, ROW_KEY
from ml.settings import Settings
from ml.store import columns, connect, table
from ml.use_case import UseCase

_CELLS_AT_ONCE = 1_000_000
_BYTES_AT_ONCE = 8 << 20  # of a CSV file; no record is longer than an eighth of it
_PARQUET = b"PAR1"

RowPlace = tuple[int, int]
"""Where a row of ``features`` came from: file id and line; rows are in that order."""

_Choose = Callable[[Sequence[str]], list[str]]
"""From the columns that a file has to those that are read."""


def feature_frames(
    settings: Settings,
    use_case: UseCase,
    names: Sequence[str],
    start: dt.date | None,
    end: dt.date | None,
    *,
    first: RowPlace | None = None,
    stop: RowPlace | None = None,
) -> Generator[pd.DataFrame]:
    """Columns of ``features`` with an event date from ``start`` to ``end``, both included; by file and line.

    With them, as the last two, the file id and the line of each row. Of these rows those from ``first`` on, to the one
    before ``stop``; all without.
    """
    cells = [*names, FILE_ID, LINE]
    statement = sql.SQL(
        "SELECT {}, {} FROM {} f WHERE ({time} >= %(start)s OR %(start)s IS NULL)"
        " AND ({time} <= %(end)s OR %(end)s IS NULL)"
        " AND ({at} >= %(first)s OR %(first)s IS NULL) AND ({at} < %(stop)s OR %(stop)s IS NULL) ORDER BY {order}"
    ).format(
        sql.Identifier(ROW_KEY),
        sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(n)) for n in cells),
        table(use_case.name, "features"),
        # By the table's own name: without it the order would be that of the texts.
        order=sql.SQL(", ").join([sql.Identifier("f", FILE_ID), sql.Identifier("f", LINE)]),
        at=sql.SQL("ROW({})").format(columns([FILE_ID, LINE])),
        time=sql.Identifier(EVENT_TIME),
    )
    bounds = {"start": start, "end": end, "first": first, "stop": stop}
    with connect(settings.database_url, application="score") as connection, connection.cursor(name="batch") as cursor:
        cursor.execute(statement, bounds)
        while rows := cursor.fetchmany(rows_at_once(names)):
            yield pd.DataFrame(rows, columns=[ROW_KEY, *cells], dtype="str").set_index(ROW_KEY)


def every_nth_row(
    settings: Settings, use_case: UseCase, start: dt.date | None, end: dt.date | None, rows: int
) -> list[RowPlace]:
    """Where the first row, and each after so many ``rows``, of :func:`feature_frames` is."""
    statement = sql.SQL(
        "SELECT {at} FROM (SELECT {at}, row_number() OVER (ORDER BY {at}) - 1 AS number FROM {}"
        " WHERE ({time} >= %(start)s OR %(start)s IS NULL) AND ({time} <= %(end)s OR %(end)s IS NULL)) AS numbered"
        " WHERE number %% %(rows)s = 0 ORDER BY {at}"
    ).format(table(use_case.name, "features"), at=columns([FILE_ID, LINE]), time=sql.Identifier(EVENT_TIME))
    with connect(settings.database_url, application="score") as connection, connection.cursor() as cursor:
        cursor.execute(statement, {"start": start, "end": end, "rows": rows})
        return cursor.fetchall()


def measured_file(contract: Contract, features: Sequence[Column], path: Path) -> tuple[list[int], bool]:
    """Number of rows in each frame of :func:`file_frames`; whether rows are known by keys. Raises as that."""
    with _opened(path) as file:
        is_parquet = file.read(4) == _PARQUET

    keys = {c.name for c in contract.key}
    columns_there: set[str] = set()

    def choose(there: Sequence[str]) -> list[str]:
        columns_there.update(there)
        return _chosen(path, there, [f.name for f in features], sorted(keys))

    batches = _parquet_batches(path, choose) if is_parquet else _csv_batches(contract, path, choose)
    sizes = [batch.num_rows for batch in batches]
    return sizes, bool(keys) and keys <= columns_there


def file_frames(
    contract: Contract, features: Sequence[Column], path: Path, *, first_frame: int = 0, stop_frame: int | None = None
) -> Generator[pd.DataFrame]:
    """The features' columns of a file; what else it holds is ignored, the target included.

    Of its frames those from number ``first_frame`` on, to the one before ``stop_frame``; all without.

    A row is known by the contract's key columns where the file has them and none of the row's is null, as it will be
    when it is ingested with its label; else by the file's content and the row's place in it. Raises
    :class:`FileRefused`, mostly before the first frame, where the file cannot be read, or lacks a column or has it
    twice.
    """
    with _opened(path) as file:
        is_parquet, checksum = file.read(4) == _PARQUET, sha256_of(file)
    keys = [c.name for c in contract.key]
    names = [f.name for f in features]

    def choose(there: Sequence[str]) -> list[str]:
        return _chosen(path, there, names, keys)

    first = 0
    batches = _parquet_batches(path, choose) if is_parquet else _csv_batches(contract, path, choose)
    for number, batch in enumerate(itertools.islice(batches, stop_frame)):
        if number < first_frame:
            first += batch.num_rows
            continue
        chosen = choose(batch.schema.names)
        try:
            frame = pd.DataFrame({n: _as_text(batch.column(n)) for n in chosen}, dtype="str")
        except pa.ArrowException as error:
            raise _refused(path, f"a column holds no plain values: {error}") from error
        identity = frame[keys] if keys and set(keys) <= set(chosen) else None
        frame.index = pd.Index(_row_keys(identity, checksum, range(first, first + len(frame))), name=ROW_KEY)
        first += len(frame)
        yield frame[names]


@contextmanager
def _opened(path: Path) -> Iterator[BufferedReader]:
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise _refused(path, f"it cannot be opened: {error.strerror}") from error


def _chosen(path: Path, there: Sequence[str], names: Sequence[str], keys: Sequence[str]) -> list[str]:
    """The features, and the keys where all are there."""
    missing = [n for n in names if n not in there]
    if missing:
        raise _refused(path, f"it lacks {', '.join(map(repr, missing))}; it has {', '.join(map(repr, there))[:500]}")
    chosen = [*names, *(keys if set(keys) <= set(there) else ())]
    doubled = [n for n in chosen if there.count(n) > 1]
    if doubled:
        raise _refused(path, f"it has more than one column {', '.join(map(repr, doubled))}")
    return chosen


def rows_at_once(names: Sequence[str]) -> int:
    """Rows of a frame of so many columns."""
    return _CELLS_AT_ONCE // len(names) + 1


def _row_keys(identity: pd.DataFrame | None, checksum: str, places: range) -> list[str]:
    by_place = [hashlib.sha256(repr((checksum, place)).encode()).hexdigest()[:32] for place in places]
    if identity is None:
        return by_place
    has_null = identity.isna().any(axis="columns")
    keys = identity.itertuples(index=False, name=None)
    return [place if null else digest_of(key) for place, key, null in zip(by_place, keys, has_null, strict=True)]


def _csv_batches(contract: Contract, path: Path, choose: _Choose) -> Iterator[pa.RecordBatch]:
    """As the contract says files are written: its delimiter, its null where unquoted; empty lines hold no row."""
    with path.open("rb") as file:
        checked = CheckedBytes(file, path.name)
        header = checked.header()
        while checked.read():
            pass
    if checked.inside_quotes:
        raise _refused(path, "a quote is opened and never closed: the file is cut off, or a quote is missing")
    there = split_header(path.name, header, contract.file.delimiter)
    chosen = choose(there)
    try:
        yield from pacsv.open_csv(
            path,
            # One thread reads no further ahead than it must, and can number the row that is wrong.
            pacsv.ReadOptions(use_threads=False, block_size=_BYTES_AT_ONCE),
            pacsv.ParseOptions(
                delimiter=contract.file.delimiter, newlines_in_values=True, ignore_empty_lines=len(there) > 1
            ),
            pacsv.ConvertOptions(
                include_columns=chosen,
                column_types=dict.fromkeys(chosen, pa.string()),
                null_values=[contract.file.null],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
    except pa.ArrowException as error:
        raise _refused(path, f"it is no well-formed CSV: {error}"[:500]) from error


def _parquet_batches(path: Path, choose: _Choose) -> Iterator[pa.RecordBatch]:
    try:
        with pq.ParquetFile(path) as file:
            chosen = choose(file.schema_arrow.names)
            yield from file.iter_batches(rows_at_once(chosen), columns=chosen)
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
