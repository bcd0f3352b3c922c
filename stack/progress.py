"""What the person at the terminal sees while things happen: one line for each step, with its seconds."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import click


@dataclass
class Step:
    """A step at work; ``note`` is shown when it is done."""

    note: str = ""


@dataclass
class Progress:
    """Steps and how long each took. Safe to use from several threads: each line is one write."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str, note: str = "") -> Iterator[Step]:
        """Time what happens inside and say so when it is done; says nothing where it fails."""
        step, began = Step(note), time.monotonic()
        yield step
        took = time.monotonic() - began
        self.seconds[name] = round(took, 1)
        say(f"  {name:<22} {took:6.1f} s   {step.note}".rstrip())


def say(line: str) -> None:
    """One line, at once, on stderr: stdout is for results."""
    click.echo(f"{line}\n", nl=False, err=True)
