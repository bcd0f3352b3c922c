"""The ends of the services' logs, and what is added to them."""

from __future__ import annotations

import time
from pathlib import Path

import click

from stack.config import StackConfig
from stack.errors import StackError, last_lines


def show(config: StackConfig, name: str | None, *, lines: int, follow: bool) -> None:
    """Print the last lines of each log, or of one. Raises :class:`StackError` where there is none of that name."""
    found = {path.stem: path for path in sorted((config.state / "logs").glob("*.log"))}
    if not found:
        raise StackError(f"There are no logs in {config.state / 'logs'} yet; `make up` starts the stack.")
    if name and name not in found:
        raise StackError(f"There is no log {name!r}; there are {', '.join(found)}.")
    chosen = [found[name]] if name else list(found.values())
    for log in chosen:
        click.echo(f"==> {log} <==\n{last_lines(log, lines)}")
    if follow:
        _follow({log: log.stat().st_size for log in chosen})


def _follow(positions: dict[Path, int]) -> None:
    """Print what is added, until the user interrupts."""
    while True:
        for log, position in positions.items():
            with log.open("rb") as file:
                file.seek(position)
                for line in file.read().decode(errors="replace").splitlines():
                    click.echo(f"{log.stem:<22} {line}")
                positions[log] = file.tell()
        time.sleep(0.5)
