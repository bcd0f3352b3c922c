"""CSV files for people, who open them in a spreadsheet: no cell of the data becomes a formula there.

The danger and the remedy are those of OWASP's "CSV Injection": a spreadsheet runs a cell that begins
with ``=``, ``+``, ``-``, ``@``, a tab or a carriage return; behind an apostrophe it is shown as text.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import TextIO

from ml.publish import publishing

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def escape(value: object) -> object:
    """A text that a spreadsheet would run, behind an apostrophe; all else, numbers included, as it is."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value


class SpreadsheetWriter:
    """Writes rows, escaped; a null is an empty cell. ``rows`` counts them."""

    def __init__(self, file: TextIO, header: Sequence[str]) -> None:
        self._writer = csv.writer(file)
        self._writer.writerow([escape(name) for name in header])
        self.rows = 0

    def add(self, rows: Iterable[Sequence[object]]) -> None:
        """Append rows, each with a value for every column."""
        for row in rows:
            self._writer.writerow([escape(value) for value in row])
            self.rows += 1


@contextmanager
def spreadsheet(path: Path, header: Sequence[str]) -> Iterator[SpreadsheetWriter]:
    """A CSV file that is there, under its name, once it is complete; an error leaves what was there before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with publishing(path) as stream:
        text = TextIOWrapper(stream, encoding="utf-8", newline="")
        try:
            yield SpreadsheetWriter(text, header)
        finally:
            text.detach()


def merge_spreadsheets(path: Path, parts: Sequence[Path]) -> None:
    """One CSV file of several with the same header, in their order. What is escaped already stays as it is."""
    with ExitStack() as files:
        readers = [csv.reader(files.enter_context(part.open(encoding="utf-8", newline=""))) for part in parts]
        headers = [next(reader) for reader in readers]
        with spreadsheet(path, headers[0]) as merged:
            for reader in readers:
                merged.add(reader)
