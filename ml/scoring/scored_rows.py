"""Where a batch's predictions go: the use case's table, the inference log, and a Parquet file.

All or nothing: the tables in one transaction, and then the file under its name.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from ml.bundle import Probabilities
from ml.contract import Column, ColumnType
from ml.inference_id import batch_id
from ml.publish import publishing
from ml.schema import FILE_ID, LINE, ROW_KEY
from ml.settings import Settings
from ml.store import connect, copy_in, lock, table

_STAGED = {
    "inference_id": "uuid",
    "row_key": "text",
    "prediction": "smallint",
    "probability": "double precision",
    "file_id": "bigint",
    "line": "bigint",
    "input": "jsonb",
}
_ARROW = {ColumnType.INTEGER: pa.int64(), ColumnType.NUMBER: pa.float64()}


@dataclass(frozen=True)
class Batch:
    """What all rows of a batch share."""

    use_case: str
    model_name: str
    model_version: str
    run_id: str
    as_of: dt.datetime
    features: Sequence[Column]

    def ids(self, keys: Sequence[str]) -> list[UUID]:
        """Inference ids of rows; the same row, version and ``as_of`` always have the same."""
        version = f"{self.model_name}/{self.model_version}"
        return [batch_id(self.use_case, version, key, self.as_of) for key in keys]


@dataclass
class Output:
    """Takes the predictions, frame by frame; open it with :func:`output`. ``rows_new`` were not there before."""

    batch: Batch
    cursor: Cursor
    parquet: pq.ParquetWriter
    rows: int = 0
    rows_new: int = 0

    def add(
        self,
        values: pd.DataFrame,
        probabilities: Probabilities,
        is_positive: npt.NDArray[np.bool_],
        places: pd.DataFrame | None,
    ) -> None:
        """Write rows. ``values`` has a column a feature, its index is the row key.

        ``places`` are the file id and the line of each, None where they were not ingested.
        """
        keys = [str(key) for key in values.index]
        scored = pd.DataFrame(
            {
                "inference_id": [str(i) for i in self.batch.ids(keys)],
                "row_key": keys,
                "prediction": is_positive.astype("int8"),
                "probability": probabilities.astype("float64"),
                "file_id": None if places is None else places[FILE_ID].to_numpy(),
                "line": None if places is None else places[LINE].to_numpy(),
            }
        )
        self._to_tables(scored, values)
        self._to_parquet(scored, values)
        self.rows += len(values)

    def _to_tables(self, scored: pd.DataFrame, values: pd.DataFrame) -> None:
        stream = io.StringIO()
        inputs = map(json.dumps, values.astype(object).where(values.notna(), None).to_dict("records"))
        csv.writer(stream).writerows(zip(*(scored[name].tolist() for name in scored), inputs, strict=True))
        stream.seek(0)
        self.cursor.execute("TRUNCATE scored")
        copy_in(self.cursor, sql.Identifier("scored"), list(_STAGED), stream)
        batch = self.batch
        self.cursor.execute(
            sql.SQL(
                "INSERT INTO {} (model_name, model_version, row_key, logical_date, inference_id, prediction,"
                " probability) SELECT %s, %s, row_key, %s, inference_id, prediction, probability FROM scored"
                " ON CONFLICT DO NOTHING"
            ).format(table(batch.use_case, "predictions")),
            (batch.model_name, batch.model_version, batch.as_of),
        )
        self.rows_new += self.cursor.rowcount
        self.cursor.execute(
            "INSERT INTO ml.inference_logs (inference_id, use_case, model_name, model_version, run_id, input,"
            " prediction, probability, source, row_key, file_id, line, timestamp) SELECT inference_id, %s, %s, %s, %s,"
            " input, prediction, probability, 'batch', row_key, file_id, line, %s FROM scored"
            " ON CONFLICT (inference_id) DO NOTHING",
            (batch.use_case, batch.model_name, batch.model_version, batch.run_id, batch.as_of),
        )

    def _to_parquet(self, scored: pd.DataFrame, values: pd.DataFrame) -> None:
        answers = {name: scored[name] for name in ("prediction", "probability", "inference_id")}
        given = {ROW_KEY: scored["row_key"], **values, **{f"_{name}": answer for name, answer in answers.items()}}
        arrays = [pa.array(given[f.name], type=f.type, from_pandas=True) for f in self.parquet.schema]
        self.parquet.write_table(pa.Table.from_arrays(arrays, schema=self.parquet.schema))


@contextmanager
def output(settings: Settings, batch: Batch, path: Path, part: str = "") -> Iterator[Output]:
    """Write a batch, or a ``part`` of it with rows of its own, in one transaction, and then a Parquet file at ``path``.

    The file has the row key, the features, and ``_prediction``, ``_probability`` and ``_inference_id``; its
    metadata name the version and ``as_of``. It is there once the transaction is committed.
    """
    columns = ", ".join(f"{name} {kind}" for name, kind in _STAGED.items())
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        publishing(path) as file,
        connect(settings.database_url, application="score") as connection,
        connection.cursor() as cursor,
        pq.ParquetWriter(file, _schema(batch), compression="zstd") as writer,
    ):
        # Two batches of one time may hold the same rows in different orders, and would wait for each other.
        lock(cursor, "score", batch.use_case, batch.as_of.isoformat(), part)
        cursor.execute(f"CREATE TEMP TABLE scored ({columns}) ON COMMIT DROP")
        yield Output(batch, cursor, writer)


def _schema(batch: Batch) -> pa.Schema:
    fields: list[tuple[str, pa.DataType]] = [
        (ROW_KEY, pa.string()),
        *((f.name, _ARROW.get(f.type, pa.string())) for f in batch.features),
        ("_prediction", pa.int8()),
        ("_probability", pa.float64()),
        ("_inference_id", pa.string()),
    ]
    metadata = {"model": batch.model_name, "version": batch.model_version, "as_of": batch.as_of.isoformat()}
    return pa.schema(fields, metadata=metadata)
