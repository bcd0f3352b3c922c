"""Starts the service: ``python -m serving``, told by its environment."""

from __future__ import annotations

import logging
import sys

import uvicorn
from pydantic import ValidationError

from serving import json_log
from serving.access import WHAT_TO_DO, is_loopback
from serving.settings import ServingSettings

_log = logging.getLogger("serving")
_GRACE_SECONDS = 10
_REFUSED = 2


def main() -> int:
    """Serve until SIGTERM. Returns 2 where the settings forbid a start."""
    json_log.start()
    try:
        settings = ServingSettings()
    except ValidationError as error:
        wrong = ", ".join(f"SERVING_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors())
        _log.error("the settings cannot be used: %s", wrong)
        return _REFUSED
    problem = _problem(settings)
    if problem:
        _log.error("not started: %s", problem)
        return _REFUSED
    uvicorn.run(
        "serving.app:create_app",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        http="serving.protocol:DeadlineProtocol",
        ws="none",
        lifespan="on",
        proxy_headers=False,  # who asks is judged by the socket, never by a header
        server_header=False,
        access_log=False,  # it writes addresses and query strings; see serving.access_log
        log_config=None,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    return 0


def _problem(settings: ServingSettings) -> str | None:
    """What keeps the service from a safe start."""
    if settings.api_keys_file is None:
        loopback = settings.host == "localhost" or is_loopback(settings.host)
        return None if loopback else f"SERVING_HOST is {settings.host}. {WHAT_TO_DO}"
    try:
        settings.api_keys_file.read_bytes()
    except OSError as error:
        return f"SERVING_API_KEYS_FILE cannot be read: {error}"
    return None


if __name__ == "__main__":
    sys.exit(main())
