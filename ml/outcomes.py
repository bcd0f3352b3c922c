"""True labels that arrive later: joined to their predictions, and what they say of the version in production.

They come by ``POST /v1/outcomes`` of the API, as rows with their target that were ingested after they had been
predicted in a batch (known by the row key), or as files of inference ids in ``data/<use_case>/outcomes/``. The first
label of a prediction stays, whoever brought it, so that a repeat changes nothing.
"""

from __future__ import annotations

import datetime as dt
import logging
from dataclasses import dataclass

from psycopg2.extensions import cursor as Cursor

from ml.monitoring.cooldown import decide
from ml.monitoring.inference_window import ModelVersion
from ml.performance import performance_words, store, verdict
from ml.performance.live_rows import read
from ml.performance.measured import figures_of
from ml.performance.outcome_files import add_files
from ml.performance.outcome_rows import add_rows
from ml.performance.store import Check
from ml.performance.verdict import State
from ml.performance.windows import CalendarWindow, windows_until
from ml.schema import ensure_tables
from ml.settings import Settings
from ml.store import connect, lock
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


@dataclass(frozen=True)
class PerformanceResult:
    """The verdict on the last window whose labels have arrived; plain values, for XCom."""

    check_id: int
    state: str
    model_name: str
    model_version: str
    n_rows: int
    metric: str
    reference: float
    value: float | None
    retrain: bool
    message: str


def collect(settings: Settings, use_case: UseCase) -> Collected:
    """Join what arrived, by row key and from files. Repeated, it finds nothing new.

    Raises :class:`ml.errors.FileRefused` for a file that is no list of outcomes: nothing is written then.
    """
    with connect(settings.database_url, application="outcomes") as connection, connection.cursor() as cursor:
        lock(cursor, "outcomes", use_case.name)
        ensure_tables(cursor, use_case.contract)
        from_rows = add_rows(cursor, use_case.contract)
        files = add_files(cursor, use_case)
        cursor.execute("SELECT count(*) FROM ml.outcomes WHERE use_case = %s", (use_case.name,))
        ((total,),) = cursor.fetchall()
    log.info("%s: %d new outcomes by row key, %d from files; %d in all.", use_case.name, from_rows, files.new, total)
    if files.unknown or files.contradicting:
        what = (
            "Of the files' outcomes %d belong to no logged prediction, %d contradict a label that is there and stays."
        )
        log.warning(what, files.unknown, files.contradicting)
    return Collected(from_rows, files.new, files.unknown, files.contradicting, total)


def check(settings: Settings, use_case: UseCase, *, moment: dt.datetime) -> PerformanceResult:
    """Measure the version in production, and judge it; see :func:`check_version`. Raises ``NoProductionModel`` too."""
    from ml.registry import production_version  # noqa: PLC0415  MLflow, which checking a known version does without

    version = production_version(settings, use_case.config.model_name).version
    return check_version(settings, use_case, version, moment=moment)


def check_version(settings: Settings, use_case: UseCase, version: str, *, moment: dt.datetime) -> PerformanceResult:
    """Measure the version's windows up to the moment, and judge the last one whose labels have arrived.

    Repeated, it finds the same and writes the same rows. Raises :class:`ml.errors.ReferenceUnusable` where the
    version's figure on its hold-out is not known, and ``ValueError`` for a moment without time zone.
    """
    config, of = use_case.config.performance, ModelVersion(use_case.name, use_case.config.model_name, version)
    windows = windows_until(moment, config.window, config.label_delay_days)
    # Outside of a transaction: with many rows it takes longer than one may lie idle.
    measured = [_measure(settings, use_case, of, window) for window in windows]
    with connect(settings.database_url, application="outcomes") as connection, connection.cursor() as cursor:
        lock(cursor, "drift", of.use_case, of.model_name)  # drift and outcomes start one retraining between them
        for window, figures in zip(windows, measured, strict=True):
            store.save_figures(cursor, of, window, figures)
        found = _judge(cursor, use_case, of, windows[0], measured[0], moment)
        check_id = store.save_check(cursor, found)
        days = use_case.config.drift.cooldown_days
        retraining = decide(cursor, of.use_case, of.model_name, check_id, moment, days, asked_by="outcomes")
    message = performance_words.message(found, config, retraining)
    log.info("%s", message)
    return PerformanceResult(
        check_id=check_id,
        state=found.state.value,
        model_name=of.model_name,
        model_version=version,
        n_rows=found.rows,
        metric=found.metric,
        reference=found.reference,
        value=found.figure.value if found.figure else None,
        retrain=found.state is State.FELL and retraining.wanted,
        message=message,
    )


def record_retraining(settings: Settings, check_id: int, run_id: str) -> None:
    """Note the run that a check started. Noted once. Raises ``KeyError`` where there is no such check."""
    with connect(settings.database_url, application="outcomes") as connection, connection.cursor() as cursor:
        store.record_run(cursor, check_id, run_id)


def _measure(settings: Settings, use_case: UseCase, of: ModelVersion, window: CalendarWindow) -> list[store.Measured]:
    config = use_case.config.performance
    columns = [c for c in use_case.contract.features if _is_slice(c.name, c.is_numeric, config.slices)]
    with connect(settings.database_url, application="outcomes") as connection, connection.cursor() as cursor:
        rows = read(cursor, of, window, columns)
    return list(figures_of(rows, config.min_rows))


def _judge(
    cursor: Cursor,
    use_case: UseCase,
    of: ModelVersion,
    window: CalendarWindow,
    measured: list[store.Measured],
    moment: dt.datetime,
) -> Check:
    config, metric = use_case.config.performance, use_case.config.metric.value
    reference = store.read_reference(cursor, of, metric)
    realised = next((m for m in measured if m.kind == "realised" and not m.column), None)
    rows = realised.rows if realised else 0
    figure = realised.figures.get(metric) if realised and rows >= config.min_rows else None
    state = verdict.state(figure, reference, config.max_drop)
    return Check(of, window, rows, state, metric, reference, figure, moment)


def _is_slice(name: str, is_numeric: bool, chosen: tuple[str, ...] | None) -> bool:
    return name in chosen if chosen is not None else not is_numeric
