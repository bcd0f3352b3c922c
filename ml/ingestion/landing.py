"""The landing folder: which files are due, and how they are opened and put aside.

Whoever may write to it is not trusted: only regular files that lie directly in it are read, no link
is followed, and nothing outside of it is opened or replaced, whatever a name says.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import itertools
import os
import re
import signal
import stat
from collections.abc import Iterable, Iterator
from io import BufferedReader
from pathlib import Path

from ml.errors import FileRefused, FileUnfinished

_DATE = re.compile(r"(?<!\d)\d{4}-\d{2}-\d{2}(?!\d)")
REJECTED = "rejected"
"""Folder beside the files for those that were refused."""


def due(landing: Path, logical_date: dt.datetime | None) -> list[str]:
    """Names of the CSV files a run takes, those of older days first.

    Without a date all of them, else those dated up to that day (UTC) and those without a date in the name.
    A name that begins with a dot or does not end in ``.csv`` (as ``.part`` and ``.tmp``) is none of them.
    """
    return due_of((p.name for p in landing.iterdir()), logical_date)


def due_of(names: Iterable[str], logical_date: dt.datetime | None) -> list[str]:
    """Those of the names that :func:`due` gives."""
    files = [n for n in names if Path(n).suffix.casefold() == ".csv" and not n.startswith(".")]
    dated = sorted((day_of(n) or dt.date.min, n) for n in files)
    if logical_date is None:
        return [n for _, n in dated]
    last = (logical_date if logical_date.tzinfo is None else logical_date.astimezone(dt.UTC)).date()
    return [n for day, n in dated if day <= last]


def day_of(name: str) -> dt.date | None:
    """The day a file belongs to: the last ISO date in its name; none where it holds no date."""
    for found in reversed(_DATE.findall(name)):
        with contextlib.suppress(ValueError):
            return dt.date.fromisoformat(found)
    return None


def name_of(landing: Path, path: Path) -> str:
    """The bare name of a file of the folder. Raises :class:`FileRefused` where the path leads elsewhere."""
    if path.parent not in (Path(), landing, landing.absolute()) or path.name in ("", ".."):
        raise FileRefused(printable(str(path)), f"it does not lie directly in {landing}")
    return path.name


def printable(name: str) -> str:
    """A name fit for logs and tables: what does not print is escaped, and it is cut at 180 bytes."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)
    return shown.encode()[:180].decode(errors="ignore")


@contextlib.contextmanager
def opened(landing: Path, name: str) -> Iterator[BufferedReader]:
    """A file of the folder, open for reading.

    Raises :class:`FileRefused` for what is no regular file, cannot be opened or has a name that does not
    print; :class:`FileUnfinished` where a process still has it open for writing; ``FileNotFoundError``
    where it is gone.
    """
    if printable(name) != name:
        raise FileRefused(printable(name), "its name holds characters that do not print, or is too long")
    try:
        # Without O_NONBLOCK, opening a pipe would wait for its writer.
        descriptor = os.open(landing / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        link = (landing / name).is_symlink()
        reason = "it is a link; put the file itself there" if link else f"it cannot be opened: {error.strerror}"
        raise FileRefused(name, reason) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileRefused(name, "it is not a regular file")
    with os.fdopen(descriptor, "rb") as file:
        if _has_writer(descriptor):
            raise FileUnfinished(name, "a process has it open for writing")
        yield file


def _has_writer(descriptor: int) -> bool:
    """Whether a process of this host has the file open for writing; False where the system cannot tell.

    Linux grants a read lease only on files that nobody writes. The lease is given back at once; should
    somebody want to write in between, the signal that says so is one that is ignored.
    """
    if not hasattr(fcntl, "F_SETLEASE"):
        return False
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except BlockingIOError:
        return True
    except OSError:  # another user's file, or a file system without leases
        return False
    fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False


def is_changing(landing: Path, name: str, seen: os.stat_result) -> bool:
    """Whether a file was written to since it was ``seen``."""
    try:
        now = (landing / name).lstat()
    except FileNotFoundError:
        return False
    return os.path.samestat(seen, now) and (seen.st_size, seen.st_mtime_ns) != (now.st_size, now.st_mtime_ns)


def put_aside(landing: Path, name: str, seen: os.stat_result, why: str) -> None:
    """Move what was refused to ``rejected/``, with ``why`` in ``<name>.reason.txt`` beside.

    ``seen`` is what stood there when it was opened: a file that took its place since stays where it is.
    A name taken by an earlier refusal gets a number.
    """
    with contextlib.suppress(FileNotFoundError):
        if os.path.samestat(seen, (landing / name).lstat()):
            _move(landing, name, why)


def _move(landing: Path, name: str, why: str) -> None:
    (landing / REJECTED).mkdir(exist_ok=True)
    folder = os.open(landing / REJECTED, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        target = _reserve(folder, printable(name), why)
        os.rename(landing / name, target, dst_dir_fd=folder)
    finally:
        os.close(folder)


def _reserve(folder: int, name: str, why: str) -> str:
    """Write the reason under the first free name."""
    path = Path(name)
    for number in itertools.count(1):
        free = name if number == 1 else f"{path.stem}.{number}{path.suffix}"
        with contextlib.suppress(FileExistsError):
            reason = os.open(f"{free}.reason.txt", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644, dir_fd=folder)
            with os.fdopen(reason, "w", encoding="utf-8") as file:
                file.write(why + "\n")
            return free
    raise AssertionError("numbers never run out")
