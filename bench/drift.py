"""How fast drift is checked, beside Evidently on the same rows, and in how much memory.

`make bench-drift [DATA=file]`: the first four fifths of the file (without one, of the sample) are the reference; the
window is drawn from the last fifth, 1 and 10 million rows of the features. Both start with a Parquet file and end
with their figures, each run in a process of its own, imports left out. Evidently reads the reference each time, the
platform has it summed up since the training; Evidently runs its preset as it is by default, the platform all its
statistics and the classifier. Medians are printed and written to `.local/bench/drift.json`.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import click
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ml.contract import Column
from ml.monitoring.feature_stats import FeatureStats
from ml.samples.profile_schema import load_profile
from ml.samples.sample import draw_sample
from ml.use_case import UseCase, load_use_case
from stack.config import REPOSITORY

FOLDER = REPOSITORY / ".local" / "bench"
PEER = FOLDER / "venv" / "bin" / "python"
MILLION = 1_000_000
OURS, THEIRS = 5, 2
"""Runs of 1 million rows each."""


def read(use_case: UseCase, data: Path | None) -> tuple[pd.DataFrame, tuple[Column, ...]]:
    """The features of the file, or of a sample of the real one, in the order of its rows."""
    contract = use_case.contract
    if data is None:
        frame = draw_sample(contract, load_profile(use_case), seed=42)
    else:
        frame = pd.read_csv(data, sep=contract.file.delimiter, keep_default_na=False, na_values=[contract.file.null])
    return frame[[f.name for f in contract.features]], contract.features


def write_window(frame: pd.DataFrame, rows: int, path: Path) -> None:
    """Rows drawn with replacement, a million at a time."""
    writer = None
    for part in range(rows // MILLION):
        drawn = frame.sample(MILLION, replace=True, random_state=part)
        table = pa.Table.from_pandas(drawn, preserve_index=False)
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table, row_group_size=250_000)
    assert writer
    writer.close()


def run(*command: str | Path) -> dict[str, float]:
    """The figures that a process prints last."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONWARNINGS": "ignore", "DO_NOT_TRACK": "1"}
    done = subprocess.run(
        [str(part) for part in command], env=environment, cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise click.ClickException(f"{command[1]} failed:\n{done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def median(runs: list[dict[str, float]]) -> dict[str, float]:
    """Of each figure."""
    return {name: statistics.median(r[name] for r in runs) for name in runs[0]}


def prepare(use_case: str, data: Path | None, folder: Path) -> list[str]:
    """Write the reference, as rows and summed up, and the windows; returns the names of the columns of numbers."""
    frame, features = read(load_use_case(REPOSITORY / "data", use_case), data)
    cut = int(0.8 * len(frame))
    frame[:cut].to_parquet(folder / "reference.parquet", index=False)
    (folder / "reference.json").write_text(FeatureStats.of(frame[:cut], features).model_dump_json())
    write_window(frame[cut:], MILLION, folder / "1m.parquet")
    write_window(frame[cut:], 10 * MILLION, folder / "10m.parquet")
    return [f.name for f in features if f.is_numeric]


def measure(numbers: list[str], folder: Path) -> dict[str, dict[str, float]]:
    """Run both on the files."""
    ours = (sys.executable, "-m", "bench.drift_check", folder / "reference.json")
    theirs = (PEER, REPOSITORY / "bench" / "evidently_drift.py", folder / "reference.parquet")
    return {
        "platform, 1 M rows": median([run(*ours, folder / "1m.parquet") for _ in range(OURS)]),
        "platform, 10 M rows": median([run(*ours, folder / "10m.parquet") for _ in range(3)]),
        "Evidently, 1 M rows": median([run(*theirs, folder / "1m.parquet", ",".join(numbers)) for _ in range(THEIRS)]),
    }


@click.command()
@click.option("--use-case", default="bank_marketing", show_default=True)
@click.option("--data", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def main(use_case: str, data: Path | None) -> None:
    """Measure, print a table, write the figures."""
    folder = FOLDER / "drift"
    folder.mkdir(parents=True, exist_ok=True)
    # In a process of its own: a process counts the peak of the one that started it as its own.
    with ProcessPoolExecutor(1, get_context("spawn")) as aside:
        numbers = aside.submit(prepare, use_case, data, folder).result()
    found = measure(numbers, folder)
    small, large, peer = found.values()
    print(f"{'':<22}{'seconds':>9}{'of CPU':>9}{'peak MB':>9}{'columns drifted':>17}")
    for name, of in found.items():
        print(f"{name:<22}{of['seconds']:>9.2f}{of['cpu_seconds']:>9.2f}{of['peak_mb']:>9.0f}{of['drifted']:>17.0f}")
    ratio = peer["seconds"] / small["seconds"]
    by_cpu, growth = peer["cpu_seconds"] / small["cpu_seconds"], large["cpu_seconds"] / small["cpu_seconds"]
    print(f"\n{ratio:.1f} times as fast as Evidently, {by_cpu:.1f} times by CPU time.")
    print(f"Ten times the rows take {growth:.1f} times the CPU time.")
    figures = {
        "ratio_to_evidently": ratio,
        "seconds_1m": small["seconds"],
        "seconds_10m": large["seconds"],
        "peak_mb_10m": large["peak_mb"],
        "cpu_ratio_to_evidently": by_cpu,
        "seconds_evidently_1m": peer["seconds"],
        "peak_mb_evidently_1m": peer["peak_mb"],
    }
    (FOLDER / "drift.json").write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
