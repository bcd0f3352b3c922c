"""The commands that the documentation shows, found in its code: fenced, indented and in backticks."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import REPOSITORY

_FENCE = re.compile(r"^ *```[ ]*(?:sh|bash|console)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?:^ {4}.*\n)+", re.MULTILINE)
_INLINE = re.compile(r"`([^`\n]+)`")
_HEREDOC = re.compile(r"<<'(\w+)'\n.*?^\1$", re.MULTILINE | re.DOTALL)
_CALL = re.compile(r"(?:^|[\s;&|({$])(?:\.venv/bin/)?(make|mlp)((?:\s+[^\s;&|)#]+)*)")


@dataclass(frozen=True)
class Command:
    """One call of ``make`` or ``mlp``, as its page shows it."""

    page: str
    program: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.page}: {self.program} {' '.join(self.words)}"


def pages() -> list[Path]:
    """What people read, pages that are made at a build left out: they are made from the code."""
    found = [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
    found += sorted((REPOSITORY / "dags").glob("*.py"))
    return [page for page in found if "generated" not in page.parts]


def commands(page: Path) -> list[Command]:
    """All of a page, in order."""
    text = page.read_text(encoding="utf-8")
    pieces = _FENCE.findall(text) + _INLINE.findall(text)
    if page.suffix == ".md":
        pieces += _INDENTED.findall(re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL))
    return [command for piece in pieces for command in _in_code(str(page.relative_to(REPOSITORY)), piece)]


def _in_code(page: str, code: str) -> list[Command]:
    code = _HEREDOC.sub("", code).replace("\\\n", " ")
    found = []
    for line in code.splitlines():
        shown = re.sub(r"\s#.*", "", line)
        for program, rest in _CALL.findall(shown):
            found.append(Command(page, program, tuple(_words(rest))))
    return found


def _words(rest: str) -> list[str]:
    try:
        return shlex.split(rest)
    except ValueError:  # a quoted argument that _CALL cut at a bar or semicolon
        return rest.split()
