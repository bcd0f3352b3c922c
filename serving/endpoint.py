"""Endpoints without the framework's layers, which cost more than a prediction."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.errors import STATUS, answer

_ANSWERED = tuple(STATUS)

Handler = Callable[[Scope, bytes], Awaitable[Response]]
"""Takes the request's scope and body."""


class Endpoint:
    """ASGI app that answers by a ``handler``, and for what it raises of :data:`serving.errors.STATUS`."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        scope["endpoint"] = self  # as the router would, for the access log
        body: bytes = (await receive())["body"]  # in whole, as the guard has read it
        try:
            response = await self._handler(scope, body)
        except _ANSWERED as error:
            response = answer(Request(scope), error)
        await response(scope, receive, send)


class Shortcut:
    """Middleware that takes a POST to one of ``routes`` straight there, past the router and what surrounds it.

    All else of these paths (405, a redirect from a trailing slash) is left to the router, which knows them too.
    """

    def __init__(self, app: ASGIApp, routes: Sequence[Route]) -> None:
        self._app = app
        self._endpoints = {route.path: route.app for route in routes}

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Pass it on."""
        found = self._endpoints.get(scope["path"]) if scope.get("method") == "POST" else None
        return (found or self._app)(scope, receive, send)
