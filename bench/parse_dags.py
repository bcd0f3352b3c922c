"""What reading the DAG folder costs beyond `import airflow.sdk`: median of fresh processes, bytecode compiled.

Run: `python bench/parse_dags.py [times]`; the limit is 1.5 s.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent

MEASURE = """
import runpy, sys, time
import airflow.sdk
wall, cpu = time.perf_counter(), time.process_time()
for path in sys.argv[1:]:
    runpy.run_path(path)
print(time.perf_counter() - wall, time.process_time() - cpu)
"""


def read_once() -> tuple[float, float]:
    """Seconds by the clock and of the processor that one reading of all files takes, in a process of its own."""
    files = sorted(map(str, (REPOSITORY / "dags").glob("*.py")))
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"} | {
        "PYTHONPATH": os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "plugins")])
    }
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *files], env=environment, capture_output=True, text=True, check=True
    )
    wall, cpu = done.stdout.splitlines()[-1].split()
    return float(wall), float(cpu)


def main() -> None:
    """Print the figures; the first process, which may compile bytecode, does not count."""
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    walls, cpus = zip(*[read_once() for _ in range(times + 1)][1:], strict=True)
    print(f"{statistics.median(walls):.2f} s by the clock ({min(walls):.2f} to {max(walls):.2f} in {times} processes)")
    print(f"{statistics.median(cpus):.2f} s of the processor; the limit is 1.5 s")


if __name__ == "__main__":
    main()
