"""How long `mlp lineage` takes, as a process from start to end, on a log of millions of predictions.

``python -m bench.lineage [--rows 3000000] [--files 400] [--calls 20]``; it starts a Postgres of its own and leaves
nothing behind.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ml.contract import load_contract
from ml.schema import ensure_tables
from ml.store import connect, migrate
from stack.postgres import Postgres

REPOSITORY = Path(__file__).resolve().parent.parent
USE_CASE = "bank_marketing"
_PREDICTIONS = """
    INSERT INTO ml.inference_logs (inference_id, use_case, model_name, model_version, run_id, input, prediction,
        probability, source, row_key, file_id, line, timestamp)
    SELECT (lpad(to_hex(1767225600000 + i * 100), 12, '0') || '7' || lpad(to_hex(i %% 4096), 3, '0') || '8'
            || lpad(to_hex(i), 15, '0'))::uuid,
        %(use_case)s, 'bank-model', '7', 'run', '{"age": 40, "job": "admin."}', 0, 0.1, 'batch', md5(i::text),
        1 + i %% %(files)s, 2 + i / %(files)s, to_timestamp(1767225600 + i / 10.0)
    FROM generate_series(1, %(rows)s) AS i
"""
_FILES = """
    INSERT INTO ml.ingest_ledger (use_case, file_name, sha256, bytes, status, run_id, validation, validated_at)
    SELECT %(use_case)s, 'day-' || i || '.csv', md5(i::text) || md5(i::text), 1000, 'loaded', 'bench', 'passed', now()
    FROM generate_series(1, %(files)s) AS i
"""
_TRAINING = """
    INSERT INTO ml.training_data (use_case, model_name, model_version, run_id, metric_name, metric_value, n_train,
        n_test, n_features, feature_stats, metrics, snapshot_id)
    VALUES (%(use_case)s, 'bank-model', '7', 'run', 'average_precision', 0.5, 1, 1, 15, '{}', '{}', 'bench');
    INSERT INTO ml.training_files SELECT 'bank-model', '7', id, 1000, '{[2,1002)}' FROM ml.ingest_ledger
"""


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=3_000_000)
    parser.add_argument("--files", type=int, default=400)
    parser.add_argument("--calls", type=int, default=20)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = Postgres(data=Path(folder) / "data", log=Path(folder) / "log")
        server.start()
        try:
            print(json.dumps(_measure(server, asked.rows, asked.files, asked.calls), indent=2))
        finally:
            server.stop()


def _measure(server: Postgres, rows: int, files: int, calls: int) -> dict[str, object]:
    server.ensure_role("ml_platform")
    server.ensure_database("ml", owner="ml_platform")
    url = server.url("ml", "ml_platform")
    migrate(url)
    values = {"use_case": USE_CASE, "rows": rows, "files": files}
    with connect(url) as connection, connection.cursor() as cursor:
        ensure_tables(cursor, load_contract(REPOSITORY / "data" / USE_CASE / "contract.yaml"))
        for statement in (_FILES, _TRAINING, _PREDICTIONS):
            cursor.execute(statement, values)
        cursor.execute("SELECT inference_id::text FROM ml.inference_logs ORDER BY random() LIMIT %s", (calls,))
        ids = [found for (found,) in cursor.fetchall()]
    before = _cpu()
    seconds = [_call(url, inference_id) for inference_id in ids]
    return {
        "predictions": rows,
        "files of the snapshot": files,
        "calls": calls,
        "median s": round(statistics.median(seconds), 3),
        "slowest s": round(max(seconds), 3),
        "mean CPU s": round((_cpu() - before) / calls, 3),
    }


def _cpu() -> float:
    """Seconds of the commands so far; what they took with the cores to themselves, whatever else the machine does."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _call(url: str, inference_id: str) -> float:
    began = time.perf_counter()
    done = subprocess.run(
        [Path(sys.executable).parent / "mlp", "lineage", inference_id],
        env=os.environ | {"ML_DATABASE_URL": url}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    taken = time.perf_counter() - began
    assert "Training snapshot bench" in done.stdout
    return taken


if __name__ == "__main__":
    main()
