"""Small use cases and their files, for tests of ingestion."""

from __future__ import annotations

from pathlib import Path

import yaml
from psycopg2 import sql

from ml.schema import EVENT_TIME
from ml.settings import Settings
from ml.store import connect, table, table_checksum
from ml.use_case import UseCase

PLACE = {"name": "place", "type": "category", "categories": ["north", "south"], "meaning": "Where"}
AMOUNT = {"name": "amount", "type": "integer", "nulls": "allowed", "meaning": "How much"}
PAID = {
    "name": "paid",
    "type": "category",
    "role": "target",
    "categories": ["no", "yes"],
    "positive": "yes",
    "meaning": "?",
}
ID = {"name": "id", "type": "text", "role": "key", "meaning": "Number of the order"}
DAY = {"name": "ordered", "type": "date", "role": "event_time", "meaning": "Day of the order"}


def make_use_case(folder: Path, *extra: dict, name: str = "orders", **options: object) -> UseCase:
    """A use case with the columns place, amount, paid, and others."""
    use_case = UseCase(folder / name)
    use_case.landing.mkdir(parents=True)
    document = {
        "use_case": name,
        "title": name,
        "description": name,
        "columns": [*extra, PLACE, AMOUNT, PAID],
        **options,
    }
    (use_case.folder / "contract.yaml").write_text(yaml.safe_dump(document))
    return use_case


def put(use_case: UseCase, name: str, content: str | bytes) -> Path:
    """A file in the landing folder, byte for byte."""
    path = use_case.landing / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def rows(settings: Settings, use_case: UseCase, *names: str) -> list[tuple]:
    """The named columns of ``raw`` by file and line; those of the contract where none is named."""
    wanted = names or tuple(c.name for c in use_case.contract.columns)
    with connect(settings.database_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("SELECT {} FROM {} ORDER BY _file_id, _line").format(
                sql.SQL(", ").join(map(sql.Identifier, wanted)), table(use_case.name, "raw")
            )
        )
        return cursor.fetchall()


def checksum(settings: Settings, use_case: UseCase) -> str:
    """Checksum of ``raw``: cells and dates, wherever they came from."""
    names = [*(c.name for c in use_case.contract.columns), EVENT_TIME]
    with connect(settings.database_url) as connection, connection.cursor() as cursor:
        return table_checksum(cursor, table(use_case.name, "raw"), names)


def entries(settings: Settings, use_case: UseCase) -> list[tuple[str, str]]:
    """Name and status of each entry of the ledger."""
    with connect(settings.database_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT file_name, status FROM ml.ingest_ledger WHERE use_case = %s ORDER BY id", (use_case.name,)
        )
        return cursor.fetchall()
