"""One service of the stack: a process in a session of its own, with its log and its record."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from stack import record
from stack.config import HOST
from stack.environment import inherited
from stack.errors import PortBusy, ServiceDied, ServiceSilent
from stack.processes import Process, identify


@dataclass(frozen=True)
class Service:
    """What is started, where it listens, and how one sees that it is well."""

    name: str
    command: tuple[str, ...]
    environment: dict[str, str] = field(repr=False)
    """The variables that are its settings; the rest comes from the user's shell."""
    state: Path
    """The stack's folder of state; log and record lie below it."""
    answers: Callable[[], bool] | None = None
    """Whether it is ready; None: it is as soon as it runs."""
    port: int | None = None
    port_variable: str = ""
    grace: float = 15
    """Seconds from the request to end until the end by force."""

    @property
    def log(self) -> Path:
        """Everything the process says."""
        return self.state / "logs" / f"{self.name}.log"

    @property
    def address(self) -> str:
        """Where it listens; empty where it does not."""
        return f"http://{HOST}:{self.port}" if self.port else ""

    @property
    def process(self) -> Process | None:
        """Its living process, by the record of its last start."""
        known = record.read(self._record)
        return known.process if known and known.process.lives() else None

    @property
    def is_current(self) -> bool:
        """Whether it runs, and with the settings it has now."""
        known = record.read(self._record)
        return known is not None and known.process.lives() and known.fingerprint == self._fingerprint

    @property
    def is_healthy(self) -> bool:
        """Whether it runs and answers."""
        return self.process is not None and (self.answers is None or self.answers())

    def require_port(self) -> None:
        """Raises :class:`PortBusy` where another program listens on its port."""
        if self.port is None:
            return
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, self.port))
            except OSError as error:
                raise PortBusy(self.name, self.port, self.port_variable) from error

    def start(self) -> None:
        """Start the process and record it; what an earlier start left behind is ended first.

        Raises :class:`PortBusy` where another program listens on its port.
        """
        self.stop()
        self.require_port()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        pid = os.posix_spawn(
            self.command[0],
            self.command,
            inherited() | self.environment,
            file_actions=(
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(self.log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ),
            setsid=True,
            setsigdef=(signal.SIGPIPE, signal.SIGINT),
        )
        process = identify(pid)
        if process is None:
            raise ServiceDied(self.name, self.log)
        record.write(self._record, record.Record(process.pid, process.started, self._fingerprint))

    def wait(self, given_up: Event, *, seconds: float = 120, poll: float = 0.25) -> None:
        """Until it is healthy; no longer than ``seconds``, nor than until ``given_up`` is set.

        Raises :class:`ServiceDied` as soon as it is dead, else :class:`ServiceSilent`.
        """
        deadline = time.monotonic() + seconds
        while not self.is_healthy:
            if self.process is None:
                raise ServiceDied(self.name, self.log)
            if given_up.wait(poll) or time.monotonic() > deadline:
                raise ServiceSilent(self.name, self.address, seconds, self.log)

    def stop(self) -> None:
        """End the process and all it started, and nothing else; does nothing where none runs."""
        known = record.read(self._record)
        if known:
            known.end(grace=self.grace)
        self._record.unlink(missing_ok=True)

    @property
    def _record(self) -> Path:
        return self.state / "pids" / f"{self.name}.json"

    @property
    def _fingerprint(self) -> str:
        said = json.dumps([self.command, sorted(self.environment.items())])
        return hashlib.sha256(said.encode()).hexdigest()
