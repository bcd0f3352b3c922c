"""Evidently's drift report of the same file, in an environment of its own; started by ``bench.drift``.

``python evidently_drift.py <reference.parquet> <window.parquet> <names of numbers, by comma>`` prints the seconds
from the files to the figures, without the import, and how many columns it says drifted.
"""

import json
import resource
import sys
import time
import warnings

warnings.filterwarnings("ignore")

import pandas as pd  # noqa: E402
from evidently import DataDefinition, Dataset, Report  # noqa: E402
from evidently.presets import DataDriftPreset  # noqa: E402


def main(reference: str, window: str, numbers: str) -> None:
    """Read both files, run the preset as it is by default."""
    began, worked = time.perf_counter(), time.process_time()
    frames = [pd.read_parquet(path) for path in (reference, window)]
    numeric = numbers.split(",")
    definition = DataDefinition(
        numerical_columns=numeric, categorical_columns=[c for c in frames[0] if c not in numeric]
    )
    before, after = (Dataset.from_pandas(frame, data_definition=definition) for frame in frames)
    found = Report([DataDriftPreset()]).run(after, before).dict()
    seconds, cpu = time.perf_counter() - began, time.process_time() - worked
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    drifted = int(found["metrics"][0]["value"]["count"])
    print(json.dumps({"seconds": seconds, "cpu_seconds": cpu, "peak_mb": peak, "drifted": drifted}))


if __name__ == "__main__":
    main(*sys.argv[1:])
