"""Facts of the kernel about processes: which one a pid is, and what belongs to it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True)
class Process:
    """One process for all time: a pid is given again, the moment it was given is not."""

    pid: int
    started: str
    """Boot id and clock ticks since boot."""

    def lives(self) -> bool:
        """Whether it is still there; one that has ended and waits to be reaped is not."""
        return identify(self.pid) == self


@dataclass(frozen=True)
class _Stat:
    """The fields of ``/proc/<pid>/stat`` that matter here (proc(5))."""

    state: str
    parent: int
    session: int
    ticks: str


def identify(pid: int) -> Process | None:
    """The process that has this pid now; None where there is none, or only its remains."""
    stat = _stat(pid)
    return Process(pid, f"{_boot_id()}/{stat.ticks}") if stat and stat.state not in "ZX" else None


def family(leader: int) -> list[Process]:
    """All living processes of the session that ``leader`` began, and their descendants."""
    stats = {pid: stat for pid in _pids() if (stat := _stat(pid))}
    members = {pid for pid, stat in stats.items() if leader in (pid, stat.session)}
    while more := {pid for pid, stat in stats.items() if stat.parent in members} - members:
        members |= more
    return [process for pid in sorted(members) if (process := identify(pid))]


def end(processes: Iterable[Process], *, grace: float, poll: float = 0.05) -> None:
    """Ask each to end, wait up to ``grace`` seconds for all, then end the rest by force."""
    processes = list(processes)
    _signal(processes, signal.SIGTERM)
    if not _wait(lambda: not any(p.lives() for p in processes), grace, poll):
        _signal(processes, signal.SIGKILL)
        _wait(lambda: not any(p.lives() for p in processes), 10, poll)


def _signal(processes: Iterable[Process], number: signal.Signals) -> None:
    for process in processes:
        if process.lives():
            try:
                os.kill(process.pid, number)
            except ProcessLookupError:
                continue


def _wait(done: Callable[[], bool], seconds: float, poll: float) -> bool:
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(poll)
    return True


def _pids() -> Iterable[int]:
    return (int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit())


def _stat(pid: int) -> _Stat | None:
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    # The second field is the program's name in brackets, which may hold anything.
    fields = text.rpartition(")")[2].split()
    return _Stat(state=fields[0], parent=int(fields[1]), session=int(fields[3]), ticks=fields[19])


@cache
def _boot_id() -> str:
    return (_PROC / "sys/kernel/random/boot_id").read_text().strip()
