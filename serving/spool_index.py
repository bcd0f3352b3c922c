"""Which predictions lie in the spool, by id: what was answered must be known before Postgres knows it."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt

from serving.spool import Spool

_PREFIX = b'{"inference_id":"'
_ID_LENGTH = 36
_LOW_BITS = (1 << 64) - 1

_Numbers = npt.NDArray[np.uint64]


class SpoolIndex:
    """Finds records in the segments of all processes that share the spool; reads only what was added since.

    Takes 16 bytes of memory a record. Methods block, and may be called from any thread.
    """

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._known: dict[Path, _Segment] = {}
        self._lock = Lock()

    def find(self, inference_id: UUID) -> dict[str, Any] | None:
        """The oldest record of that id; ``None`` where there is none. Passes on ``OSError``."""
        with self._lock:
            segments = self._spool.segments()
            self._known = {path: self._known.get(path) or _Segment() for path in segments}
            for path, known in self._known.items():
                try:
                    found = known.find(path, inference_id)
                except FileNotFoundError:  # replayed meanwhile: Postgres has it
                    continue
                if found:
                    return found
        return None


@dataclass
class _Segment:
    """The low halves of its ids, and where their records begin."""

    read: int = 0
    ids: _Numbers = field(default_factory=lambda: np.empty(0, np.uint64))
    starts: _Numbers = field(default_factory=lambda: np.empty(0, np.uint64))

    def find(self, path: Path, inference_id: UUID) -> dict[str, Any] | None:
        with path.open("rb") as file:
            file.seek(self.read)
            self._add(file.read())
            for start in self.starts[self.ids == np.uint64(inference_id.int & _LOW_BITS)]:
                file.seek(int(start))
                record = _record(file.readline())
                if record and record["inference_id"] == str(inference_id):
                    return record
        return None

    def _add(self, content: bytes) -> None:
        whole = content[: content.rfind(b"\n") + 1]  # the last record may be half written
        ids, starts, at = [], [], self.read
        for line in whole.splitlines(keepends=True):
            with suppress(ValueError):  # a damaged line is the replay's business
                ids.append(_id(line).int & _LOW_BITS)
                starts.append(at)
            at += len(line)
        self.read = at
        if ids:
            self.ids = np.concatenate([self.ids, np.array(ids, np.uint64)])
            self.starts = np.concatenate([self.starts, np.array(starts, np.uint64)])


def _id(line: bytes) -> UUID:
    """The id of a record, without reading all of it. Raises ``ValueError``."""
    if not line.startswith(_PREFIX):
        raise ValueError("no record")
    return UUID(line[len(_PREFIX) : len(_PREFIX) + _ID_LENGTH].decode())


def _record(line: bytes) -> dict[str, Any] | None:
    """``None`` for what was taken back, or written over, since it was read: the disk refused it."""
    try:
        found: Any = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) and "inference_id" in found else None
