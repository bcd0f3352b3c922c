"""One check of drift as the platform does it, from a Parquet file; started by ``bench.drift`` in its own process.

``python -m bench.drift_check <reference.json> <window.parquet>`` prints the seconds from the file to the figures,
without imports, the peak of memory, and how many columns drifted.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Iterator
from functools import reduce
from operator import add
from pathlib import Path

import pyarrow.parquet as pq

from ml.model_config import Drift
from ml.monitoring.category_stats import CategoryStats
from ml.monitoring.column_drift import compare
from ml.monitoring.feature_stats import FeatureStats
from ml.monitoring.row_sample import keys_of
from ml.monitoring.summary import Summary

CHUNK = 250_000


def parts(path: Path, reference: FeatureStats) -> Iterator[Summary]:
    """The file summed up chunk by chunk."""
    categories = [name for name, stats in reference.columns.items() if isinstance(stats, CategoryStats)]
    start = 0
    for batch in pq.ParquetFile(path, read_dictionary=categories).iter_batches(CHUNK):
        yield Summary.of(batch.to_pandas(), reference, keys=keys_of(start, batch.num_rows))
        start += batch.num_rows


def main(reference_path: str, window_path: str) -> None:
    """Read the reference, sum up the window in one pass, compare."""
    began, worked = time.perf_counter(), time.process_time()
    reference = FeatureStats.model_validate_json(Path(reference_path).read_bytes())
    found = compare(reference, reduce(add, parts(Path(window_path), reference)), Drift())
    seconds, cpu = time.perf_counter() - began, time.process_time() - worked
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    drifted = sum(c.drifted for c in found if c.is_feature)
    print(json.dumps({"seconds": seconds, "cpu_seconds": cpu, "peak_mb": peak, "drifted": drifted}))


if __name__ == "__main__":
    main(*sys.argv[1:])
