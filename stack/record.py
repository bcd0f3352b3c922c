"""The record of a service's last start: which process it was, and with which settings."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from stack.processes import Process, end, family


@dataclass(frozen=True)
class Record:
    """A process that was started as ``pid`` at ``started``; see :class:`stack.processes.Process`."""

    pid: int
    started: str
    fingerprint: str
    """Differs where the service was started with other settings."""

    @property
    def process(self) -> Process:
        """The process this is the record of, living or dead."""
        return Process(self.pid, self.started)

    def end(self, *, grace: float) -> None:
        """End the process and all that it started; nothing where its pid is another process's now."""
        members = family(self.pid)
        # A leader that died may have left children. The kernel gives its pid to nobody while they live.
        if self.process in members or all(member.pid != self.pid for member in members):
            end(members, grace=grace)


def read(path: Path) -> Record | None:
    """The record in that file; None where there is none that can be read."""
    try:
        return Record(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def write(path: Path, record: Record) -> None:
    """Keep the record in that file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(asdict(record)))
    part.replace(path)
