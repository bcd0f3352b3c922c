"""A zip file that is the same to the byte for the same content, and lists the checksum of all it holds."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ml.publish import publishing

MANIFEST = "manifest.json"
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time that all entries bear: the earliest a zip file knows."""


@dataclass
class Archive:
    """Takes files, one by one; open it with :func:`archive`. ``files`` are the names with checksum and size so far."""

    zipped: zipfile.ZipFile
    files: dict[str, dict[str, str | int]] = field(default_factory=dict)

    def add(self, name: str, content: bytes) -> None:
        """Write a file. A name that is there already is an error of the caller's."""
        assert name not in self.files, name
        self._write(name, content)
        self.files[name] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}

    def close(self, about: Mapping[str, object]) -> None:
        """Write :data:`MANIFEST`: what the archive is about, and its files; it does not list itself."""
        self._write(MANIFEST, as_json({**about, "files": dict(sorted(self.files.items()))}))

    def _write(self, name: str, content: bytes) -> None:
        entry = zipfile.ZipInfo(name, _EPOCH)
        entry.external_attr = 0o644 << 16
        entry.create_system = 3  # Unix, on any machine
        self.zipped.writestr(entry, content, zipfile.ZIP_DEFLATED, compresslevel=6)


@contextmanager
def archive(path: Path) -> Iterator[Archive]:
    """An archive that is there under its name once the block ends; on an error nothing is left."""
    with publishing(path) as stream, zipfile.ZipFile(stream, "w") as zipped:
        yield Archive(zipped)


def as_json(document: object) -> bytes:
    """Readable, with sorted keys; what JSON does not know, such as a time, as text."""
    return f"{json.dumps(document, default=str, indent=1, sort_keys=True, ensure_ascii=False)}\n".encode()
