"""Log records on disk while the database is away: appended and synced, replayed later.

Each process appends to a segment of its own, locked as long as it does. A segment is
replayed as a whole and then removed; replaying it twice changes nothing, because a record
has an id. A segment left by a killed process is taken over by whoever finds it unlocked.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import BinaryIO

_log = logging.getLogger(__name__)
_SUFFIX = ".jsonl"
_REFUSED = "refused.txt"
_CHUNK = 1000
_SEGMENT_BYTES = 8 * 1024**2  # a replay holds one in memory

Insert = Callable[[Sequence[bytes]], Sequence[bytes]]
"""Takes records, returns those that the database will never take."""


class Spool:
    """Segments below ``folder``, ``max_bytes`` at most together. Methods block, and may be called from any thread.

    Processes that share the folder share the limit; each may exceed it by what it writes at that moment.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._segment: BinaryIO | None = None
        self._lock = Lock()

    def append(self, records: Sequence[bytes]) -> None:
        """Write records (JSON, no newline) and wait until the disk has them.

        Raises ``OSError`` where it cannot, or where they would exceed the limit; none of the records is then kept.
        """
        content = b"".join(record + b"\n" for record in records)
        with self._lock:
            if self.size() + len(content) > self._max_bytes:
                raise OSError(errno.EDQUOT, f"the spool is full, at its limit of {self._max_bytes} bytes")
            segment = self._segment = self._segment or self._open()
            try:
                _write(segment, content)
            except OSError:
                if not segment.tell():
                    Path(segment.name).unlink(missing_ok=True)
                self._end()
                raise
            if segment.tell() >= _SEGMENT_BYTES:
                self._end()

    def size(self) -> int:
        """Bytes that wait, those of other processes and of records that were refused among them."""
        return sum(map(_size, self._folder.iterdir())) if self._folder.is_dir() else 0

    def is_empty(self) -> bool:
        """Whether no record waits."""
        return not self.segments()

    def replay(self, insert: Insert) -> int:
        """Hand all records to ``insert``, in chunks; returns their number. Passes its errors on.

        It is first asked with no record at all, so that a database still away costs no new segment.
        Records that it refuses are kept in a file of their own, so that they hold up no other. A segment that
        another process holds is left to it.
        """
        insert([])
        self.close()
        return sum(_replay_segment(path, insert) for path in self.segments())

    def close(self) -> None:
        """End this process's segment, so that it can be replayed."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        if self._segment:
            self._segment.close()
            self._segment = None

    def segments(self) -> list[Path]:
        """Files whose records wait, oldest first."""
        return sorted(self._folder.glob(f"*{_SUFFIX}"))

    def _open(self) -> BinaryIO:
        self._folder.mkdir(parents=True, exist_ok=True)
        while True:
            path = self._folder / f"{time.time_ns()}-{os.getpid()}{_SUFFIX}"
            segment = path.open("xb", buffering=0)
            fcntl.flock(segment, fcntl.LOCK_EX)
            if path.exists():
                _sync_folder(self._folder)
                return segment
            segment.close()  # another process saw it before it was locked, and removed it as empty


def _replay_segment(path: Path, insert: Insert) -> int:
    with _locked(path) as segment:
        if segment is None:
            return 0
        records = segment.read().splitlines(keepends=True)
        if records and not records[-1].endswith(b"\n"):
            _log.warning("%s ends in half a record, whose prediction was never given: left out", path)
            records.pop()
        for start in range(0, len(records), _CHUNK):
            refused = insert([record[:-1] for record in records[start : start + _CHUNK]])
            if refused:
                _keep(path.with_name(_REFUSED), refused)
        path.unlink(missing_ok=True)
        return len(records)


def _write(file: BinaryIO, content: bytes) -> None:
    """Write all of it and wait until the disk has it. Raises ``OSError``; none of it is then kept."""
    before = file.tell()
    try:
        if file.write(content) != len(content):
            raise OSError(errno.ENOSPC, "no space left for the whole record")
        os.fsync(file.fileno())
    except OSError:
        file.truncate(before)
        file.seek(before)
        raise


def _keep(path: Path, refused: Sequence[bytes]) -> None:
    _log.error("Postgres refuses %s records of the spool; they are kept in %s", len(refused), path)
    with path.open("ab", buffering=0) as file:
        _write(file, b"".join(record + b"\n" for record in refused))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # just replayed
        return 0


@contextmanager
def _locked(path: Path) -> Iterator[BinaryIO | None]:
    """The segment opened and locked; ``None`` where it is gone or another process holds it."""
    try:
        segment = path.open("rb")
    except FileNotFoundError:
        yield None
        return
    with segment:
        try:
            fcntl.flock(segment, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            yield segment


def _sync_folder(folder: Path) -> None:
    """Make the folder's new entry survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
