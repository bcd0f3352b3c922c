"""One line a request, where that is asked for: what was asked and answered, never with which values."""

from __future__ import annotations

import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.json_log import FIELDS
from serving.tracing import trace_id

_log = logging.getLogger(__name__)
_UNKNOWN = "-"


class AccessLog:
    """Middleware around all others.

    Knows ``client``, ``inference_id`` and ``model_version`` from the request's state, where they were set. Of the
    path it shows the route's pattern: what a client writes in a path may be anything.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, then write its line."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        state = scope.setdefault("state", {})
        status, started = 499, time.perf_counter()  # as others call it: the client went away

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception:
            status = 500
            raise
        finally:
            line = {
                "method": scope["method"] if scope["method"].isalpha() else _UNKNOWN,
                "route": _route(scope),
                "status": status,
                "milliseconds": round(1000 * (time.perf_counter() - started), 3),
                "client": state.get("client"),
                "inference_id": state.get("inference_id"),
                "model_version": state.get("model_version"),
                "trace_id": trace_id(scope),
            }
            _log.info("request", extra={FIELDS: line})


def _route(scope: Scope) -> str:
    """The pattern of the route that answered; a dash where none did."""
    if "endpoint" not in scope:
        return _UNKNOWN
    pattern = getattr(scope.get("route"), "path", None)
    if isinstance(pattern, str):
        return pattern
    return _UNKNOWN if scope.get("path_params") else str(scope["path"])
