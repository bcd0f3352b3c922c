"""Writes the audit export of a version: data, code, parameters, gate, approvals, card, bundle and history."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from psycopg2.extras import RealDictCursor

from ml.audit.archive import Archive, archive
from ml.audit.page import FOLDERS, page
from ml.audit.recorded import Recorded
from ml.audit.run_artifacts import RunArtifacts
from ml.errors import ConfigError, ReferenceUnusable
from ml.lineage.records import Training
from ml.registry import find_version
from ml.settings import Settings
from ml.store import connect
from ml.tracking import client

Report = Callable[[str, int, int], None]
"""Called with the folder of the archive at work, how many are begun, and how many there are."""


@dataclass(frozen=True)
class AuditExport:
    """The archive that was written."""

    path: str
    sha256: str
    bytes: int
    files: int


def export(
    settings: Settings,
    model_name: str,
    version: str,
    to: Path,
    *,
    overwrite: bool = False,
    report: Report | None = None,
) -> AuditExport:
    """Write all that is known of a version to the zip file ``to``; the same state gives the same bytes.

    No row of the data is in it but the some twenty by which the bundle is tried, without target. Raises
    :class:`ConfigError` where the file exists and is not to be overwritten, :class:`ModelNotFound`,
    :class:`ReferenceUnusable` for a version that was not trained here, :class:`ml.errors.Unavailable`.
    """
    if to.exists() and not overwrite:
        raise ConfigError(f"{to} exists already. Choose another name, or say that it is to be overwritten.")
    to.parent.mkdir(parents=True, exist_ok=True)
    with client(settings) as registry, archive(to) as written:
        artifacts = RunArtifacts(registry, find_version(registry, model_name, version))
        use_case, training, recorded = _recorded(settings, model_name, version)
        _write(written, chain(recorded, artifacts.files()), report or (lambda *_: None))
        about = {"format": 1, "model_name": model_name, "model_version": version, "use_case": use_case}
        written.add("index.html", page(about, training, written.files, artifacts.left_out))
        written.close({**about, "left_out": artifacts.left_out})
        files = len(written.files) + 1
    with to.open("rb") as file:
        checksum = hashlib.file_digest(file, "sha256").hexdigest()
    return AuditExport(str(to), checksum, to.stat().st_size, files)


def _recorded(settings: Settings, model_name: str, version: str) -> tuple[str, Training, list[tuple[str, bytes]]]:
    """Use case, training and files of the tables, read in one transaction, which ends before MLflow is waited for."""
    with (
        connect(settings.database_url, application="audit") as connection,
        connection.cursor(cursor_factory=RealDictCursor) as cursor,
    ):
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        recorded = Recorded(cursor, _use_case(cursor, model_name, version), model_name, version)
        return recorded.use_case, recorded.training, list(recorded.files())


def _use_case(cursor: RealDictCursor, model_name: str, version: str) -> str:
    cursor.execute(
        "SELECT use_case FROM ml.training_data WHERE model_name = %s AND model_version = %s", (model_name, version)
    )
    found = cursor.fetchone()
    if found is None:
        raise ReferenceUnusable(model_name, version, "there is no record of its training")
    return str(found["use_case"])


def _write(written: Archive, files: Iterator[tuple[str, bytes]], report: Report) -> None:
    begun: set[str] = set()
    for name, content in files:
        written.add(name, content)
        folder = name.split("/")[0]
        if folder not in begun:
            begun.add(folder)
            report(folder, len(begun), len(FOLDERS))
