"""True labels that arrive later: joined to the predictions they belong to, in ``ml.outcomes``.

They come by ``POST /v1/outcomes`` of the API, as rows with their target that were ingested after they had been
predicted in a batch (known by the row key), or as files of inference ids in ``data/<use_case>/outcomes/``. The first
label of a prediction stays, whoever brought it, so that a repeat changes nothing.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from ml.contract import Contract
from ml.performance.outcome_files import FileOutcomes, add_files
from ml.schema import FILE_ID, ROW_KEY, SQL_TYPES, ensure_tables
from ml.settings import Settings
from ml.store import connect, lock, table
from ml.use_case import UseCase

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Collected:
    """Outcomes that were not there before, by where they came from, and all that are there now.

    ``unknown`` counts rows of files whose prediction the log does not have (yet); ``contradicting`` those whose
    prediction has another label already, which stays.
    """

    from_rows: int
    from_files: int
    unknown: int
    contradicting: int
    total: int


def collect(settings: Settings, use_case: UseCase) -> Collected:
    """Join what arrived, by row key and from files. Repeated, it finds nothing new.

    Raises :class:`ml.errors.FileRefused` for a file that is no list of outcomes: nothing is written then.
    """
    with connect(settings.database_url, application="outcomes") as connection, connection.cursor() as cursor:
        lock(cursor, "outcomes", use_case.name)
        ensure_tables(cursor, use_case.contract)
        from_rows = _from_rows(cursor, use_case.contract)
        files = add_files(cursor, use_case)
        cursor.execute("SELECT count(*) FROM ml.outcomes WHERE use_case = %s", (use_case.name,))
        ((total,),) = cursor.fetchall()
    _log(use_case, from_rows, files, total)
    return Collected(from_rows, files.new, files.unknown, files.contradicting, total)


def _from_rows(cursor: Cursor, contract: Contract) -> int:
    """Labels of ingested rows whose key a batch prediction has; seen when their file was loaded."""
    target = contract.target
    cursor.execute(
        sql.SQL(
            "INSERT INTO ml.outcomes (inference_id, use_case, label, observed_at)"
            " SELECT i.inference_id, i.use_case, (f.{target} = %s::{type})::int, ledger.at"
            " FROM ml.inference_logs i JOIN {features} f ON f.{key} = i.row_key"
            " JOIN ml.ingest_ledger ledger ON ledger.id = f.{file}"
            " WHERE i.use_case = %s AND i.source = 'batch' AND f.{target} IS NOT NULL"
            " AND NOT EXISTS (SELECT FROM ml.outcomes o WHERE o.inference_id = i.inference_id)"
            " ON CONFLICT (inference_id) DO NOTHING"
        ).format(
            target=sql.Identifier(target.name),
            type=sql.SQL(SQL_TYPES[target.type]),
            features=table(contract.use_case, "features"),
            key=sql.Identifier(ROW_KEY),
            file=sql.Identifier(FILE_ID),
        ),
        (str(target.positive), contract.use_case),
    )
    return cursor.rowcount


def _log(use_case: UseCase, from_rows: int, files: FileOutcomes, total: int) -> None:
    log.info(
        "%s: %d new outcomes by row key, %d from files; %d in all.", use_case.name, from_rows, files.new, total
    )  # fmt: skip
    if files.unknown or files.contradicting:
        log.warning(
            "Of the files' outcomes %d belong to no logged prediction, %d contradict a label that is there and stays.",
            files.unknown, files.contradicting,
        )  # fmt: skip
