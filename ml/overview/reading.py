"""How the views read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg2.extensions import cursor as Cursor

from ml.store import read_only

_SECONDS = 20


@contextmanager
def reading(database_url: str) -> Iterator[Cursor]:
    """See :func:`ml.store.read_only`; a statement may take 20 s."""
    with (
        read_only(database_url, application="overview", statement_seconds=_SECONDS) as connection,
        connection.cursor() as cursor,
    ):
        yield cursor
