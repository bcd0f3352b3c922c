"""The platform's database: connections, migrations, locks, COPY, checksums."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from typing import BinaryIO, TextIO

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from ml.errors import ConfigError, Unavailable

SERVING_ROLE = "ml_serving"
"""Role of the serving app: reads nothing but its own log and counts, and changes no table's shape."""
METRICS_ROLE = "ml_metrics"
"""Role of `mlp metrics`: reads what its figures are made of; of a prediction that it was made, and nothing of it."""
_GRANTS = {
    SERVING_ROLE: (
        "SELECT, INSERT ON ml.inference_logs, ml.outcomes",
        "SELECT, INSERT, UPDATE ON ml.serving_traffic",
    ),
    METRICS_ROLE: (
        "SELECT ON ml.ingest_ledger, ml.promotions, ml.gate_verdicts, ml.drift_reports, ml.performance,"
        " ml.performance_checks, ml.task_runs",
        "SELECT (model_name, model_version, timestamp) ON ml.training_data",
        "SELECT (use_case, model_version, timestamp) ON ml.inference_logs",
        "SELECT (timestamp) ON ml.inference_logs_default",
    ),
}


@contextmanager
def connect(database_url: str, *, application: str = "ml", connect_seconds: int = 10) -> Iterator[Connection]:
    """One connection, one transaction: committed at the end, rolled back on an error.

    Transactions left idle, by a client that hangs or a network that was cut, end after
    60 s on the server's side. Raises :class:`Unavailable` where the server does not answer, or no more.
    """
    connection = _open(database_url, application, connect_seconds)
    try:
        with connection:
            yield connection
    except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
        if connection.closed:  # by the other side; nothing was committed
            # Rolling back what is gone fails too, and says less than what came before.
            said = error.__context__ if isinstance(error.__context__, psycopg2.Error) else error
            raise Unavailable("Postgres", without_password(database_url), str(said).splitlines()[0]) from error
        raise
    finally:
        connection.close()


@contextmanager
def read_only(database_url: str, *, application: str, statement_seconds: float) -> Iterator[Connection]:
    """As :func:`connect`; it sees one moment of the tables, writes nothing and waits for nothing without end.

    A statement that takes longer than ``statement_seconds`` is cancelled (psycopg2's ``QueryCanceled``).
    """
    with connect(database_url, application=application) as connection:
        with connection.cursor() as cursor:
            # What is compiled for one reading is compiled anew for the next: that takes longer than to read.
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET LOCAL jit = off")
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", (f"{statement_seconds * 1000:.0f}ms",))
        yield connection


def _open(database_url: str, application: str, connect_seconds: int = 10) -> Connection:
    try:
        return psycopg2.connect(
            database_url,
            application_name=application,
            connect_timeout=connect_seconds,
            options="-c idle_in_transaction_session_timeout=60000 -c timezone=UTC",
            keepalives_idle=10,
            keepalives_interval=5,
            keepalives_count=4,
        )
    except psycopg2.OperationalError as error:
        raise Unavailable("Postgres", without_password(database_url), str(error).strip()) from error


@contextmanager
def holding(database_url: str, *names: str) -> Iterator[bool]:
    """Whether the advisory lock of that name could be had without waiting.

    It is held until the end, or until this process dies, by a connection of its own and in no transaction. Raises
    :class:`Unavailable` where the server does not answer at the start.
    """
    connection = _open(database_url, "lock")
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", (_lock_number(names),))
            ((held,),) = cursor.fetchall()
        yield bool(held)
    finally:
        connection.close()


def without_password(database_url: str) -> str:
    """The URL without a password, for messages."""
    scheme, _, rest = database_url.partition("://")
    credentials, at, host = rest.rpartition("@")
    return f"{scheme}://{credentials.split(':')[0]}{at}{host}"


def migrate(database_url: str) -> list[str]:
    """Apply the numbered SQL files that have not been applied; safe to run at any time, by any number at once.

    Returns the names of those applied now. Raises :class:`ConfigError` where an applied file was changed since.
    """
    applied = []
    with connect(database_url, application="ml-migrate") as connection, connection.cursor() as cursor:
        lock(cursor, "migrate")
        cursor.execute(
            "CREATE TABLE IF NOT EXISTS public.ml_migrations"
            " (name text PRIMARY KEY, sha256 text NOT NULL, at timestamptz NOT NULL DEFAULT now())"
        )
        cursor.execute("SELECT name, sha256 FROM public.ml_migrations")
        known = dict(cursor.fetchall())
        for name, text in _migrations():
            checksum = hashlib.sha256(text.encode()).hexdigest()
            if name not in known:
                cursor.execute(text)
                cursor.execute("INSERT INTO public.ml_migrations (name, sha256) VALUES (%s, %s)", (name, checksum))
                applied.append(name)
            elif known[name] != checksum:
                raise ConfigError(
                    f"The migration {name} was changed after it was applied to this database. Undo the change; or, if"
                    " nothing in the database is worth keeping, remove the state folder (.local) and start anew."
                )
        _grant(cursor)
    return applied


def _migrations() -> list[tuple[str, str]]:
    found = [f for f in files("ml").joinpath("migrations").iterdir() if f.name.endswith(".sql")]
    return [(f.name, f.read_text(encoding="utf-8")) for f in sorted(found, key=lambda f: f.name)]


def _grant(cursor: Cursor) -> None:
    """What each role may do, where that role exists."""
    for name, privileges in _GRANTS.items():
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,))
        if cursor.fetchone():
            for privilege in ("USAGE ON SCHEMA ml", *privileges):
                cursor.execute(sql.SQL(f"GRANT {privilege} TO {{}}").format(sql.Identifier(name)))


def lock(cursor: Cursor, *names: str) -> None:
    """Wait for the advisory lock of that name; held until the transaction ends."""
    cursor.execute("SELECT pg_advisory_xact_lock(%s)", (_lock_number(names),))


def _lock_number(names: Sequence[str]) -> int:
    return zlib.crc32("/".join(names).encode())


def table(schema: str, name: str) -> sql.Identifier:
    """A quoted, schema-qualified table name."""
    return sql.Identifier(schema, name)


def columns(names: Sequence[str]) -> sql.Composed:
    """Quoted column names, comma-separated."""
    return sql.SQL(", ").join(map(sql.Identifier, names))


def copy_in(cursor: Cursor, target: sql.Composable, names: Sequence[str], stream: TextIO | BinaryIO) -> int:
    """COPY a CSV stream (no header, empty unquoted cell = null) into a table; returns the number of rows."""
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(target, columns(names))
    cursor.copy_expert(statement, stream)
    return int(cursor.rowcount)


def table_checksum(cursor: Cursor, target: sql.Composable, names: Sequence[str]) -> str:
    """Checksum of a table's rows over the named columns, whatever their order on disk.

    The sum of the rows' 64-bit hashes with their number: equal multisets of rows, equal checksum.
    """
    statement = sql.SQL(
        "SELECT count(*), coalesce(sum(hashtextextended(ROW({})::text, 0)::numeric), 0) FROM {}"
    ).format(columns(names), target)
    cursor.execute(statement)
    ((count, total),) = cursor.fetchall()
    return f"{count}:{int(total):x}"
