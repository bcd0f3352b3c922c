"""Markdown from docstrings, and tables."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence

_ROLE = re.compile(r":[a-z]+:`~?([^`]+)`")


def prose(docstring: str | None) -> str:
    """A docstring in reStructuredText, as far as the code uses it, in Markdown."""
    return _ROLE.sub(r"`\1`", inspect.cleandoc(docstring or "")).replace("``", "`")


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a cell is one line, and no bar ends it early."""
    lines = [header, ("---",) * len(header), *rows]
    return "\n".join(
        f"| {' | '.join(' '.join(c.split()).replace('|', chr(92) + '|') for c in line)} |" for line in lines
    )


def code(text: str) -> str:
    """In the type of code; empty where there is nothing."""
    return f"`{text}`" if text else ""
