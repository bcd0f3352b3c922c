"""What a task read and wrote, told while it runs: it stands in the OpenLineage event of the task's end.

Names follow OpenLineage's convention, so that a dataset is the same one whoever names it. A version says which
content it was: of a file its SHA-256, of a model its number.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from airflow.sdk import get_current_context

from ml.settings import Settings
from ml.use_case import UseCase

if TYPE_CHECKING:
    from openlineage.client.event_v2 import InputDataset, OutputDataset
    from openlineage.client.facet_v2 import DatasetFacet, InputDatasetFacet, OutputDatasetFacet

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Data:
    """A dataset; ``size`` is in bytes."""

    namespace: str
    name: str
    version: str | None = None
    rows: int | None = None
    size: int | None = None


def report(*, reads: Sequence[Data] = (), writes: Sequence[Data] = ()) -> None:
    """Add to what the running task is known to have read and written. Costs nothing where no events are sent."""
    if not _are_sent():
        return
    task = get_current_context()["task"]
    task.inlets.extend(_input(data) for data in reads)
    task.outlets.extend(_output(data) for data in writes)


def _are_sent() -> bool:
    from airflow.providers.openlineage import conf

    return not conf.is_disabled()


def _input(data: Data) -> InputDataset:
    from openlineage.client.event_v2 import InputDataset
    from openlineage.client.facet_v2 import input_statistics_input_dataset as statistics

    counted = statistics.InputStatisticsInputDatasetFacet(rowCount=data.rows, size=data.size)
    facets: dict[str, InputDatasetFacet] = {} if data.rows is None else {"inputStatistics": counted}
    return InputDataset(data.namespace, data.name, facets=_version(data), inputFacets=facets)


def _output(data: Data) -> OutputDataset:
    from openlineage.client.event_v2 import OutputDataset
    from openlineage.client.facet_v2 import output_statistics_output_dataset as statistics

    counted = statistics.OutputStatisticsOutputDatasetFacet(rowCount=data.rows, size=data.size)
    facets: dict[str, OutputDatasetFacet] = {} if data.rows is None else {"outputStatistics": counted}
    return OutputDataset(data.namespace, data.name, facets=_version(data), outputFacets=facets)


def _version(data: Data) -> dict[str, DatasetFacet]:
    from openlineage.client.facet_v2 import dataset_version_dataset

    return {} if data.version is None else {"version": dataset_version_dataset.DatasetVersionDatasetFacet(data.version)}


def table(settings: Settings, schema: str, name: str, rows: int | None = None) -> Data:
    """A table of the platform's database, and how many rows of it were read or written, where that is known."""
    from psycopg2.extensions import parse_dsn

    dsn = parse_dsn(settings.database_url)
    host = dsn.get("host") or "localhost"
    # A socket's folder is a path of this machine and no name of a server.
    address = "localhost" if host.startswith("/") else host
    return Data(f"postgres://{address}:{dsn.get('port', 5432)}", f"{dsn.get('dbname')}.{schema}.{name}", rows=rows)


def model(settings: Settings, name: str, version: str) -> Data:
    """A version of a registered model."""
    server = urlsplit(settings.mlflow_tracking_uri).netloc.rpartition("@")[2]
    return Data(f"mlflow://{server}", name, version=version)


def file(path: str, sha256: str | None) -> Data:
    """A file of this machine."""
    return Data("file", path, version=sha256)


def loaded_files(settings: Settings, use_case: UseCase, run_id: str) -> list[Data]:
    """The files that a run of `ingest` loaded, in whichever try, where they were put to be loaded.

    None where no events are sent, or where Postgres is away: what the task did stands without its event.
    """
    from ml.errors import Unavailable
    from ml.ingestion.ledger import loaded_by
    from ml.store import connect

    if not _are_sent():
        return []
    try:
        with connect(settings.database_url, application="lineage") as connection, connection.cursor() as cursor:
            entries = loaded_by(cursor, use_case.name, run_id)
    except Unavailable as away:
        _log.warning("The event of this task names no file: %s", away)
        return []
    if settings.landing_url:
        bucket = urlsplit(settings.landing_url)
        place, folder = f"{bucket.scheme}://{bucket.netloc}", f"{bucket.path.strip('/')}/{use_case.name}".lstrip("/")
    else:
        place, folder = "file", str(use_case.landing.resolve())
    return [Data(place, f"{folder}/{e.file_name}", version=e.sha256, size=e.bytes, rows=e.rows_read) for e in entries]
