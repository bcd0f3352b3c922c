"""What stops the embedded stack, each with what to do about it."""

from __future__ import annotations

from pathlib import Path

from ml.errors import PlatformError

_LINES = 15


class StackError(PlatformError):
    """One clear line for the person at the terminal."""


class PortBusy(StackError):
    """Another program listens where a service is to listen."""

    def __init__(self, service: str, port: int, variable: str) -> None:
        super().__init__(
            f"Port {port} for {service} is taken by another program; stop that, or choose another port: "
            f"make up {variable}={port + 1}"
        )


class ServiceDied(StackError):
    """A service ended while it was starting."""

    def __init__(self, service: str, log: Path) -> None:
        super().__init__(f"{service} ended while it was starting; its log {log} ends with:\n{last_lines(log)}")


class ServiceSilent(StackError):
    """A service runs, but does not answer."""

    def __init__(self, service: str, address: str, seconds: float, log: Path) -> None:
        super().__init__(
            f"{service} did not answer at {address} within {seconds:.0f} s; its log {log} ends with:\n{last_lines(log)}"
        )


class RunFailed(StackError):
    """A run of a DAG that had to succeed did not."""

    def __init__(self, dag_id: str, tasks: list[str], page: str, log: str) -> None:
        super().__init__(f"{dag_id} failed in {', '.join(tasks) or 'no task'}: {page}\n{log}")


def last_lines(log: Path, count: int = _LINES) -> str:
    """The end of a log, indented; says so where there is none."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    return "\n".join(f"    {line}" for line in lines[-count:]) or "    (nothing)"
