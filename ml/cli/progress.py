"""Progress of long work, on stderr: a bar on a terminal, a line for each step elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Report = Callable[[str, int, int], None]
"""Called with the step at work, the number of steps done and the number of all."""


@contextmanager
def progress(what: str) -> Iterator[Report]:
    """Show that ``what`` is at work until the block ends; without reports, how long it has been so."""
    with (_bar if sys.stderr.isatty() else _lines)(what) as report:
        yield report


@contextmanager
def _bar(what: str) -> Iterator[Report]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    # stdout is the result's alone: the bar takes over stderr and leaves the other as it is.
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False) as bar:
        task = bar.add_task(what, total=None)
        yield lambda step, done, of: bar.update(task, description=f"{what}: {step}", completed=done, total=of)


@contextmanager
def _lines(what: str) -> Iterator[Report]:
    began = time.monotonic()
    yield lambda step, done, of: _say(f"{what}: {step}, {done} of {of}, {time.monotonic() - began:.0f} s")


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
