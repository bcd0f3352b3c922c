"""Bundles on disk, by checksum, and which of them served last."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from urllib.parse import quote

from serving.registry import ProductionVersion

_LAST = "last_good.json"
_PART = ".part-"
_PART_SECONDS = 3600


class BundleCache:
    """Below ``folder``, for one model. May be shared by several processes: files appear whole or not at all."""

    def __init__(self, folder: Path, model_name: str) -> None:
        self._root = folder / quote(model_name, safe="")

    def bundle(self, version: ProductionVersion, fetch: Callable[[Path], None]) -> Path:
        """Folder of the version's bundle, fetched where it is not there yet. Passes on what ``fetch`` raises."""
        target = self._root / version.bundle_sha256
        if not self.holds(version):
            self._root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=_PART, dir=self._root) as part:
                files = Path(part) / "bundle"
                files.mkdir()
                fetch(files)
                _move(files, target)
        return target

    def holds(self, version: ProductionVersion) -> bool:
        """Whether the version's bundle needs no fetching."""
        return (self._root / version.bundle_sha256).is_dir()

    def discard(self, version: ProductionVersion) -> None:
        """Forget a bundle that turned out bad, so that it is fetched again."""
        shutil.rmtree(self._root / version.bundle_sha256, ignore_errors=True)

    def remember(self, version: ProductionVersion) -> None:
        """Note the version that serves now. The one before it is kept for a rollback, older ones are removed.

        Does nothing where it is noted already: by another process, or before a restart.
        """
        before = self.last()
        if before == version:
            return
        with tempfile.NamedTemporaryFile("w", dir=self._root, prefix=_PART, delete=False) as file:
            json.dump(asdict(version), file)
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).replace(self._root / _LAST)
        keep = {version.bundle_sha256, before.bundle_sha256 if before else ""}
        for path in self._root.iterdir():
            if path.name.startswith(_PART):
                _remove_orphan(path)
            elif path.is_dir() and path.name not in keep:
                shutil.rmtree(path, ignore_errors=True)

    def last(self) -> ProductionVersion | None:
        """The version that served last; ``None`` where none did, or its note cannot be read."""
        try:
            return ProductionVersion(**json.loads((self._root / _LAST).read_text()))
        except (OSError, ValueError, TypeError):
            return None


def _remove_orphan(part: Path) -> None:
    """What a killed process was about to write; that of a living one is younger."""
    with suppress(FileNotFoundError):
        if time.time() - part.stat().st_mtime > _PART_SECONDS:
            shutil.rmtree(part) if part.is_dir() else part.unlink()


def _move(files: Path, target: Path) -> None:
    try:
        files.rename(target)
    except OSError:
        if not target.is_dir():  # else another process was faster with the same bundle
            raise
