"""Which code trained a model, and with which packages."""

from __future__ import annotations

import os
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path

_COMMIT = "GIT_COMMIT"
"""Environment variable that names the commit where the code runs without its repository, as in an image."""


@cache
def code_version() -> str:
    """The git commit of the platform's code, ``-dirty`` where files differ from it; else the package's version."""
    if given := os.environ.get(_COMMIT):
        return given
    described = [
        "git",
        "-C",
        str(Path(__file__).parent),
        "describe",
        "--always",
        "--dirty",
        "--abbrev=12",
        "--exclude=*",
    ]
    try:
        return subprocess.run(described, check=True, capture_output=True, text=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return _package_version()


def _package_version() -> str:
    try:
        return version("ml-platform")
    except PackageNotFoundError:
        return "unknown"


def packages() -> str:
    """What is installed beside it, a line of ``name==version`` each, by name."""
    found = {d.name.lower(): d.version for d in distributions()}
    return "".join(f"{name}=={number}\n" for name, number in sorted(found.items()))
