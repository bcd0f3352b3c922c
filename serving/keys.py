"""API keys: a file of names and hashes, read again when it changes; ``python -m serving.keys new <name>`` makes one.

A key holds 256 random bits, so that a plain SHA-256 of it cannot be searched; the file holds no key. Several lines
may have one name: a client gets a new key, and the old line goes when it uses it.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import logging
import re
import secrets
import sys
import time
from collections.abc import Sequence
from pathlib import Path

_log = logging.getLogger(__name__)
_LINE = re.compile(r"([A-Za-z0-9._-]+):([0-9a-f]{64})")
_PREFIX = "mlk_"
_LOOK_SECONDS = 1.0


class ApiKeys:
    """The keys of a file. A file that is gone, or cannot be read, holds none: nobody gets in by its absence."""

    def __init__(self, path: Path) -> None:
        """Raises ``OSError`` where the file cannot be read."""
        self._path = path
        self._seen: tuple[int, int, int] | None = _stamp(path)
        self._keys = _read(path)
        self._look_at = time.monotonic() + _LOOK_SECONDS

    def name_of(self, key: bytes) -> str | None:
        """Whose key that is; ``None`` for nobody's. Takes the same time for every wrong key."""
        self._follow()
        digest, found = hashlib.sha256(key).digest(), None
        for name, known in self._keys:
            if hmac.compare_digest(digest, known):
                found = name
        return found

    def _follow(self) -> None:
        """Read the file again where it changed; looks once a second at most."""
        now = time.monotonic()
        if now < self._look_at:
            return
        self._look_at = now + _LOOK_SECONDS
        try:
            stamp = _stamp(self._path)
            if stamp == self._seen:
                return
            self._keys, self._seen = _read(self._path), stamp
            _log.info("API keys were read again: %s", len(self._keys))
        except (OSError, ValueError) as error:
            if self._keys:
                _log.error("the API keys cannot be read, so no key is taken: %s", error)
            self._keys, self._seen = (), None


def line(name: str, key: str) -> str:
    """The file's line for a key. Raises ``ValueError`` for a name of other characters than letters, digits, ``._-``."""
    text = f"{name}:{hashlib.sha256(key.encode()).hexdigest()}"
    if not _LINE.fullmatch(text):
        raise ValueError(f"{name!r} is no name: use letters, digits, '.', '_' and '-'")
    return text


def new_key() -> str:
    """A key nobody can guess."""
    return _PREFIX + secrets.token_urlsafe(32)


def _read(path: Path) -> Sequence[tuple[str, bytes]]:
    keys = []
    for number, text in enumerate(path.read_text("utf-8").splitlines(), 1):
        if not text.strip() or text.startswith("#"):
            continue
        match = _LINE.fullmatch(text.strip())
        if match:
            keys.append((match[1], bytes.fromhex(match[2])))
        else:  # perhaps a key itself, so it is not shown
            _log.error("line %s of %s is not <name>:<sha256 in hex>, so it is left out", number, path)
    if not keys:
        _log.warning("%s holds no API key: every request is refused", path)
    return tuple(keys)


def _stamp(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_ino, status.st_size


def main(arguments: Sequence[str] | None = None) -> None:
    """Make a key and show it once, with the line for the file."""
    parser = argparse.ArgumentParser(prog="python -m serving.keys", description="API keys of the prediction service.")
    new = parser.add_subparsers(required=True).add_parser("new", help="make a key")
    new.add_argument("name", help="who will use it; shown in the access log")
    name, key = parser.parse_args(arguments).name, new_key()
    try:
        added = line(name, key)
    except ValueError as error:
        parser.error(str(error))
    sys.stdout.write(f"Key, shown this once:\n  {key}\nLine for the file SERVING_API_KEYS_FILE names:\n  {added}\n")


if __name__ == "__main__":
    main()
