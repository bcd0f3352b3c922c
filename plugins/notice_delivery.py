"""Delivers a notice: by webhook, mail or chat, wherever the connection ``ml_alerts`` points to.

Without that connection nothing is sent. See docs/notices.md.
"""

from __future__ import annotations

import logging
from threading import Thread
from typing import TYPE_CHECKING

from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.sdk.log import mask_secret
from failure_text import ERROR_LENGTH, first_line

if TYPE_CHECKING:
    from apprise import Apprise

_log = logging.getLogger(__name__)
CONNECTION = "ml_alerts"
"""Connection of the type Apprise; its ``config`` has the addresses."""
_SECONDS = 10


def deliver(title: str, body: str) -> None:
    """Send plain text to all addresses, where there is a connection. Raises nothing, and takes at most ten seconds."""
    try:
        connection = Connection.get(CONNECTION)
    except AirflowNotFoundException:
        _log.info("No notice is sent: there is no connection %s.", CONNECTION)
        return
    # An address that answers byte by byte outlasts the deadline that each read has.
    sending = Thread(target=_send, args=(connection, title, body), daemon=True)
    sending.start()
    sending.join(_SECONDS)
    if sending.is_alive():
        _log.error("The notice may not have arrived: %s took longer than %d s.", CONNECTION, _SECONDS)


def services(connection: Connection) -> Apprise:
    """The addresses of the connection. Raises ``ValueError`` where it has none that can be used."""
    from airflow.providers.apprise.hooks.apprise import AppriseHook
    from apprise import Apprise

    hook, found = AppriseHook(CONNECTION), Apprise()
    try:
        config = hook.get_config_from_conn(connection)
        for entry in config if isinstance(config, list) else [config]:
            mask_secret(entry["path"])
        hook.set_config_from_conn(connection, found)
    except (KeyError, TypeError, ValueError):
        raise ValueError(
            f"The connection {CONNECTION} must be of the type Apprise, with a config like"
            ' {"path": "json://alerts.example.com/hook"}.'
        ) from None
    if not found:
        raise ValueError(f"Apprise knows no service for the path in the connection {CONNECTION}.")
    return found


def _send(connection: Connection, title: str, body: str) -> None:
    try:
        if not services(connection).notify(title=title, body=body, notify_type="failure", body_format="text"):
            _log.error("The notice did not reach every address of %s; the lines above say why.", CONNECTION)
    except Exception as error:  # of whatever library serves the address: the task failed by its own error
        _log.error("The notice was not sent: %s", first_line(error, ERROR_LENGTH))
