"""Tells people of a task that failed: by webhook, mail or chat, wherever the connection ``ml_alerts`` points to.

Without that connection nothing is sent. See docs/notices.md.
"""

from __future__ import annotations

import logging
from threading import Thread
from typing import TYPE_CHECKING

from airflow.sdk import BaseNotifier, Connection, Context
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.sdk.log import mask_secret
from failure_text import first_line

if TYPE_CHECKING:
    from apprise import Apprise

_log = logging.getLogger(__name__)
CONNECTION = "ml_alerts"
"""Connection of the type Apprise; its ``config`` has the addresses."""
_SECONDS = 10
_ERROR_LENGTH = 2000
_RUNBOOK = "## When it is red"


class FailureNotice(BaseNotifier):
    """Callback of a task that failed for good. Raises nothing, and takes no longer than ten seconds.

    What it sends is not a template: an error may quote a file, and what looks like one there is not evaluated.
    """

    def notify(self, context: Context) -> None:
        """Send, where there is a connection."""
        try:
            connection = Connection.get(CONNECTION)
        except AirflowNotFoundException:
            _log.info("No notice is sent: there is no connection %s.", CONNECTION)
            return
        # A target that takes bytes, one by one, outlasts the deadline of each.
        sending = Thread(target=_send, args=(connection, title(context), body(context)), daemon=True)
        sending.start()
        sending.join(_SECONDS)
        if sending.is_alive():
            _log.error("The notice may not have arrived: %s took longer than %d s.", CONNECTION, _SECONDS)


def title(context: Context) -> str:
    """Which task failed."""
    ti = context["ti"]
    part = "" if ti.map_index in (None, -1) else f"[{ti.map_index}]"
    return f"{ti.dag_id}.{ti.task_id}{part} failed"


def body(context: Context) -> str:
    """Why it failed, in which run, whose it is, where to read on and what to do."""
    ti = context["ti"]
    lines = [
        first_line(context.get("exception"), _ERROR_LENGTH),
        "",
        f"Run: {ti.run_id}, try {ti.try_number}",
        f"Owner: {context['task'].owner}",
        f"Log: {ti.log_url}",
    ]
    steps = runbook(context["dag"].doc_md)
    return "\n".join([*lines, "", "What to do:", steps] if steps else lines)


def runbook(doc: str | None) -> str:
    """What the docs of a DAG say to do when it is red; empty where they do not."""
    return (doc or "").partition(_RUNBOOK)[2].partition("\n## ")[0].strip()


def _send(connection: Connection, title: str, body: str) -> None:
    try:
        services = _services(connection)
        if not services.notify(title=title, body=body, notify_type="failure", body_format="text"):
            _log.error("The notice did not reach every address of %s; the lines above say why.", CONNECTION)
    except Exception as error:  # of whatever library serves the address: the task failed by its own error
        _log.error("The notice was not sent: %s", first_line(error, _ERROR_LENGTH))


def _services(connection: Connection) -> Apprise:
    """The addresses of the connection. Raises ``ValueError`` where it has none that can be used."""
    from airflow.providers.apprise.hooks.apprise import AppriseHook
    from apprise import Apprise

    hook, services = AppriseHook(CONNECTION), Apprise()
    try:
        config = hook.get_config_from_conn(connection)
        for entry in config if isinstance(config, list) else [config]:
            mask_secret(entry["path"])
        hook.set_config_from_conn(connection, services)
    except (KeyError, TypeError, ValueError):
        raise ValueError(
            f"The connection {CONNECTION} must be of the type Apprise, with a config like"
            ' {"path": "json://alerts.example.com/hook"}.'
        ) from None
    if not services:
        raise ValueError(f"Apprise knows no service for the path in the connection {CONNECTION}.")
    return services
