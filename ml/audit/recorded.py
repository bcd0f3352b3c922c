"""What the platform's tables know of a version, as files."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from psycopg2.extras import RealDictCursor

from ml.audit.archive import as_json
from ml.errors import ReferenceUnusable
from ml.lineage.records import Training
from ml.lineage.training import read_training
from ml.monitoring.feature_stats import readable
from ml.scoring.spreadsheet import SpreadsheetWriter

_OF_VERSION = "WHERE model_name = %(model_name)s AND model_version = %(model_version)s"
_FILES = (
    "SELECT f.id AS file_id, f.file_name, f.sha256, f.bytes, f.status, f.at AS loaded_at, f.run_id AS loaded_by,"
    " f.rows_read, f.rows_new, f.rows_repeated, f.rows_good, f.rows_quarantined, f.validated_at, t.rows,"
    " t.lines::text, t.first_event, t.last_event FROM ml.training_files t JOIN ml.ingest_ledger f ON f.id = t.file_id"
    f" {_OF_VERSION} ORDER BY f.id"
)
_STATISTICS = f"SELECT feature_stats, metrics FROM ml.training_data {_OF_VERSION}"
_DOCUMENTS = {
    "decisions/gate_verdicts.json": (
        f"SELECT production_version, passed, mode, verdict, at FROM ml.gate_verdicts {_OF_VERSION} ORDER BY at, id"
    ),
    "decisions/promotions.json": (
        "SELECT id, from_version, to_version, stage, outcome, actor, source, why, gate, at FROM ml.promotions"
        " WHERE model_name = %(model_name)s AND %(model_version)s IN (from_version, to_version) ORDER BY id"
    ),
    "history/drift.json": (
        "SELECT id, window_start, window_end, n_rows, state, standing, columns, predictions, retraining, at"
        f" FROM ml.drift_reports {_OF_VERSION} ORDER BY window_start, window_end, id"
    ),
    "history/performance_checks.json": (
        "SELECT id, window_start, window_end, n_rows, state, metric, reference, value, low, high, moment, retraining,"
        f" at FROM ml.performance_checks {_OF_VERSION} ORDER BY window_start, window_end, id"
    ),
    "history/predictions.json": (
        "SELECT source, role, date_trunc('month', timestamp) AS month, count(*) AS predictions,"
        " avg(probability) AS mean_probability, avg(prediction)::float AS positive_share FROM ml.inference_logs"
        " WHERE use_case = %(use_case)s AND model_version = %(model_version)s AND model_name = %(model_name)s"
        " GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
    ),
}
_PERFORMANCE = (
    "SELECT window_start, window_end, kind, slice_column, slice, metric, value, low, high, n_rows, n_positives, at"
    f" FROM ml.performance {_OF_VERSION} ORDER BY window_start, window_end, kind, slice_column, slice, metric"
)


@dataclass(frozen=True)
class Recorded:
    """Reads by a cursor whose transaction sees one state of the tables."""

    cursor: RealDictCursor
    use_case: str
    model_name: str
    model_version: str

    @property
    def training(self) -> Training:
        """What the version was trained on. Raises :class:`ReferenceUnusable` where it was not trained here."""
        found = read_training(self.cursor, self.model_name, self.model_version)
        if found is None:
            raise ReferenceUnusable(self.model_name, self.model_version, "there is no record of its training")
        return found

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Name and content of each; none holds a row of data."""
        training = asdict(self.training)
        yield "data/snapshot.json", as_json({**training, "files": self._rows(_FILES) or training["files"]})
        (statistics,) = self._rows(_STATISTICS)
        yield "data/feature_statistics.json", as_json(readable(statistics["feature_stats"]))
        yield "run/hold_out_metrics.json", as_json(statistics["metrics"])
        for name, statement in _DOCUMENTS.items():
            yield name, as_json(self._rows(statement))
        yield "history/performance.csv", _csv(self._rows(_PERFORMANCE))

    def _rows(self, statement: str) -> list[dict[str, Any]]:
        self.cursor.execute(statement, vars(self))
        return [dict(row) for row in self.cursor.fetchall()]


def _csv(rows: list[dict[str, Any]]) -> bytes:
    """With the names of the columns; empty where there are no rows."""
    text = io.StringIO(newline="")
    if rows:
        SpreadsheetWriter(text, list(rows[0])).add(list(row.values()) for row in rows)
    return text.getvalue().encode()
