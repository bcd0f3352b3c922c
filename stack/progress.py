"""What the person at the terminal sees while things happen: one line for each step, with its seconds."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import click


@dataclass
class Progress:
    """Steps and how long each took. Safe to use from several threads: each line is one write."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str, note: str = "") -> Iterator[None]:
        """Time what happens inside and say so when it is done; says nothing where it fails."""
        began = time.monotonic()
        yield
        took = time.monotonic() - began
        self.seconds[name] = round(took, 1)
        say(f"  {name:<22} {took:6.1f} s   {note}".rstrip())


def say(line: str) -> None:
    """One line, at once."""
    click.echo(f"{line}\n", nl=False)
