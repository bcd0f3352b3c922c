"""The Makefile's targets with what they say of themselves."""

from __future__ import annotations

import re

from reference_pages import REPOSITORY
from reference_pages.markdown import table

_TARGET = re.compile(r"^([a-z0-9-]+):[^#=]*## (.*)$", re.MULTILINE)


def page() -> str:
    """A table, in the order of the file."""
    found = _TARGET.findall((REPOSITORY / "Makefile").read_text(encoding="utf-8"))
    return table(("Target", ""), ((f"`make {name}`", f"{text}") for name, text in found)) + "\n"
