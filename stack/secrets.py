"""Secrets of the embedded stack: made once, kept in a file that only its owner may read."""

from __future__ import annotations

import base64
import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Secrets:
    """What Airflow's parts have to share."""

    jwt_secret: str
    """Signs the tokens of people and of tasks."""
    api_secret_key: str
    fernet_key: str
    """Encrypts connections and variables in the database; losing it loses them."""


def load_secrets(state: Path) -> Secrets:
    """The secrets of this stack; made where there are none."""
    path = state / "secrets.json"
    if not path.exists():
        write_private(path, json.dumps(asdict(_make())))
    return Secrets(**json.loads(path.read_text()))


def _make() -> Secrets:
    fernet = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    return Secrets(jwt_secret=secrets.token_hex(32), api_secret_key=secrets.token_hex(32), fernet_key=fernet)


def write_private(path: Path, text: str) -> None:
    """Write a file that others could at no moment read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    part.replace(path)
