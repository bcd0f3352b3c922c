"""The use cases, read once and again when their files change: to parse them takes longer than to make a page."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from ml.use_case import UseCase, discover

_FILES = ("contract.yaml", "model.yaml")


def use_cases(folder: Path) -> list[UseCase]:
    """All use cases below a folder, by name, as their files are now."""
    return [_read(found.folder, *(_stamp(found.folder / name) for name in _FILES)) for found in discover(folder)]


@lru_cache(maxsize=256)
def _read(folder: Path, *_stamps: tuple[int, int]) -> UseCase:
    return UseCase(folder)


def _stamp(file: Path) -> tuple[int, int]:
    """Time of the last change and size; zeros where the file is not there."""
    try:
        found = file.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size
