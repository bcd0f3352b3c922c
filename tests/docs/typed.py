"""A page as a program: its fenced ``sh`` blocks, in order, as one shell session."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

_BLOCK = re.compile(r"^( *)```sh\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path) -> list[str]:
    """What the page tells its reader to type."""
    return [textwrap.dedent(block) for _, block in _BLOCK.findall(page.read_text(encoding="utf-8"))]


def script(page: Path, *, ports: dict[int, int]) -> str:
    """All blocks as one program that ends at the first command that fails and says which block it was in.

    ``ports`` are put in place of the page's own, which another stack on this machine may have.
    """
    parts = ["set -eu -o pipefail"]
    for number, block in enumerate(blocks(page), 1):
        parts += [f"echo '--- block {number}'", block]
    text = "\n".join(parts)
    for written, own in ports.items():
        text = text.replace(f"127.0.0.1:{written}", f"127.0.0.1:{own}")
    return text
