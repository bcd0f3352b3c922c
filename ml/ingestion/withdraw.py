"""Takes the rows of a loaded file out again; the evidence of what was predicted with them stays."""

from __future__ import annotations

from psycopg2 import sql

from ml.ingestion import ledger
from ml.schema import FILE_ID, ensure_tables
from ml.settings import Settings
from ml.store import connect, lock, table
from ml.use_case import UseCase


def withdraw(settings: Settings, use_case: UseCase, sha256: str, *, why: str) -> int:
    """Delete the rows of the loaded file with that checksum; returns how many were in ``raw``, 0 for no such file.

    Also from ``features`` and ``quarantine``, in one transaction. The ledger keeps the file, as withdrawn, with the
    reason; loaded again it counts as new. Raises :class:`ml.errors.Unavailable`.
    """
    with connect(settings.database_url, application="ml-withdraw") as connection, connection.cursor() as cursor:
        ensure_tables(cursor, use_case.contract)
    with connect(settings.database_url, application="ml-withdraw") as connection, connection.cursor() as cursor:
        lock(cursor, "ingest", use_case.name)
        entry = ledger.loaded(cursor, use_case.name, sha256)
        if entry is None:
            return 0
        for name in ("features", "quarantine", "raw"):
            rows = table(use_case.name, name)
            cursor.execute(sql.SQL("DELETE FROM {} WHERE {} = %s").format(rows, sql.Identifier(FILE_ID)), (entry.id,))
        deleted = int(cursor.rowcount)
        ledger.withdraw(cursor, entry.id, why)
        return deleted
