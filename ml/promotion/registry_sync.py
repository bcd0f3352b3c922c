"""Keeps alias, stage and ledger in step, for as long as it runs."""

from __future__ import annotations

import logging
import signal
from threading import Event

from ml.errors import ModelError, PlatformError
from ml.promotion.promotions import known_models
from ml.registry import reconcile
from ml.settings import Settings
from ml.store import connect

log = logging.getLogger(__name__)


def run(settings: Settings, every: float) -> None:
    """Look at each known model every ``every`` seconds, until SIGTERM or SIGINT.

    A service that does not answer is named in the log once, until it does.
    """
    ended, problem = Event(), ""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    log.info("Watching the registry at %s every %g s", settings.mlflow_tracking_uri, every)
    while not ended.is_set():
        before, problem = problem, look(settings)
        if problem != before:
            log.warning(problem or "All services answer again.")
        ended.wait(every)


def look(settings: Settings) -> str:
    """Reconcile each model once; returns what went wrong, empty if nothing did.

    What is wrong with one model does not keep the others from their turn.
    """
    problems = []
    try:
        with connect(settings.database_url, application="registry-sync") as connection, connection.cursor() as cursor:
            names = known_models(cursor)
        for name in names:
            try:
                reconcile(settings, name)
            except ModelError as error:
                problems.append(str(error))
    except PlatformError as error:
        return str(error)
    except Exception as error:  # it outlives whatever MLflow or Postgres may answer
        log.exception("looking at the registry failed")
        return repr(error)
    return " ".join(problems)
