"""What every request passes first: host, key, size of the body, place, time. Plain ASGI, for speed.

The body is read here, whole and up to its limit, before a request takes a place: who sends slowly holds up nobody.
"""

from __future__ import annotations

from asyncio import CancelledError
from collections import defaultdict

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.access import OPEN_PATHS, Access
from serving.deadline import Deadline
from serving.hosts import AllowedHosts
from serving.refusal import Refusal, unavailable

_READ = frozenset({b"host", b"x-forwarded-host", b"authorization", b"x-api-key", b"content-length"})
_FORWARDED = b"forwarded"
_RETRY_SECONDS = 1


class Guard:
    """Middleware. ``max_body_bytes`` a request, ``max_concurrent`` at a time, each for ``request_seconds``.

    Sets ``client`` in the request's state: the name of its key; absent where an open path was asked without one.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: AllowedHosts,
        access: Access,
        max_body_bytes: int,
        max_concurrent: int,
        request_seconds: float,
    ) -> None:
        self._app = app
        self._hosts = hosts
        self._access = access
        self._max_body = max_body_bytes
        self._max_concurrent = max_concurrent
        self._seconds = request_seconds
        self._running = 0
        self._too_large = Refusal(413, f"The body is larger than the {max_body_bytes} bytes this service takes.")
        self._busy = unavailable("The service is at its limit of requests. Try again.", _RETRY_SECONDS)
        self._slow = unavailable(f"The answer took longer than {request_seconds:g} s. Try again.", _RETRY_SECONDS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close"})
        else:
            body = self._refusal(scope) or await self._body(receive)
            if isinstance(body, Refusal):
                await body.answer(send)
            elif body is not None:
                await self._pass_on(scope, _replay(body, receive), send)

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] in OPEN_PATHS:
            await self._app(scope, receive, send)
        elif self._running >= self._max_concurrent:
            await self._busy.answer(send)
        else:
            await self._at_its_place(scope, receive, send)

    async def _at_its_place(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Counts until the answer is out: what an endpoint does after that holds up no other and has its own time."""
        started = complete = False
        self._running += 1

        async def watched(message: Message) -> None:
            nonlocal started, complete
            started = True
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body") and not complete:
                complete = True
                self._running -= 1
                deadline.lift()

        deadline = Deadline(self._seconds)
        try:
            await self._app(scope, receive, watched)
        except CancelledError:
            if not deadline.passed():
                raise
            if started:  # half an answer cannot be taken back
                raise TimeoutError from None
            await self._slow.answer(send)
        finally:
            deadline.lift()
            if not complete:
                self._running -= 1

    def _refusal(self, scope: Scope) -> Refusal | None:
        """By the headers alone."""
        found: dict[bytes, list[bytes]] = defaultdict(list)
        proxied = False
        for name, value in scope["headers"]:
            if name in _READ:
                found[name].append(value)
            proxied = proxied or _FORWARDED in name
        own = scope["server"][0] if scope["server"] else ""
        refusal = self._hosts.refusal(found[b"host"], found[b"x-forwarded-host"], own)
        if refusal:
            return refusal
        client = self._access.client(found[b"authorization"], found[b"x-api-key"], own, proxied=proxied)
        state = scope.setdefault("state", {})
        if isinstance(client, str):
            state["client"] = client
        elif scope["path"] not in OPEN_PATHS:
            return client
        length = found[b"content-length"]
        if length and not length[0].isdigit():
            return Refusal(400, "Content-Length must be a number.")
        return self._too_large if length and int(length[0]) > self._max_body else None

    async def _body(self, receive: Receive) -> bytes | Refusal | None:
        """All of it; ``None`` where the client went away. Counts what arrives, whatever was announced."""
        message = await receive()
        if message["type"] == "http.request" and not message.get("more_body"):  # nearly always
            body: bytes = message.get("body", b"")
            return body if len(body) <= self._max_body else self._too_large
        parts, size = [], 0
        while message["type"] == "http.request":
            part = message.get("body", b"")
            size += len(part)
            if size > self._max_body:
                return self._too_large
            parts.append(part)
            if not message.get("more_body"):
                return b"".join(parts)
            message = await receive()
        return None


def _replay(body: bytes, receive: Receive) -> Receive:
    """Gives the body that was read, then what comes: that the client left."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
