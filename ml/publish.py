"""Makes a file appear under its name wholly or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4


@contextmanager
def publishing(path: Path) -> Iterator[BinaryIO]:
    """A stream to write to; at the end its content is on disk and takes the name at once, replacing what had it.

    Until then it lies beside, hidden, with the ending ``.part``. On an error nothing is left of it.
    """
    part = path.with_name(f".{uuid4().hex}.part")
    try:
        with part.open("xb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
