"""How the views read: one moment of the database, nothing written, nothing waited for without end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg2.extensions import cursor as Cursor

from ml import store

_SECONDS = 20


@contextmanager
def reading(database_url: str) -> Iterator[Cursor]:
    """A transaction that sees the tables as they are now and changes nothing.

    A statement that takes too long is cancelled (psycopg2's ``QueryCanceled``). Raises
    :class:`ml.errors.Unavailable` where the server does not answer.
    """
    with store.connect(database_url, application="overview") as connection, connection.cursor() as cursor:
        # What is compiled for one page is compiled anew for the next: that takes longer than to read.
        cursor.execute(
            "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET LOCAL jit = off;"
            f" SET LOCAL statement_timeout = '{_SECONDS}s'"
        )
        yield cursor
