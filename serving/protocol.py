"""uvicorn's HTTP protocol with deadlines: it has none of its own for a client that never finishes its request."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

_MAX_HEAD = 64 * 1024
_TOO_SLOW = b"408 Request Timeout"
_TOO_LARGE = b"431 Request Header Fields Too Large"


class DeadlineProtocol(HttpToolsProtocol):
    """Closes a connection whose request is not in whole after ``read_seconds`` of the app's lifespan state.

    That counts from the connection, or from the request's first byte; while an answer is made or the connection
    idles between requests it does not count. What is not body (head, chunk frames, trailers) may be
    64 KiB, give or take what one read brings. One timer a connection, so that a request costs nothing more.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._seconds: float = app_state["read_seconds"]
        self._since: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._overhead = 0
        self._closing = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The first request is awaited from here on."""
        super().connection_made(transport)
        self._since = self.loop.time()
        self._timer = self.loop.call_later(self._seconds, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is awaited any more."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what comes, whether it begins a request or not."""
        if self._since is None:
            self._since = self.loop.time()
        self._overhead += len(data)
        super().data_received(data)
        if self._overhead > _MAX_HEAD and self._since is not None:
            self._end(_TOO_LARGE)

    def on_message_begin(self) -> None:
        """A request begins, perhaps behind another one in the same data."""
        if self._since is None:
            self._since = self.loop.time()
        self._overhead = 0
        super().on_message_begin()

    def on_body(self, body: bytes) -> None:
        """The body is counted by the app."""
        self._overhead -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is in."""
        self._since = None
        self._overhead = 0
        super().on_message_complete()

    def _look(self) -> None:
        now = self.loop.time()
        if self.transport.is_closing():
            if self._closing:  # since the last look, and the client takes not even the rest
                self.transport.abort()
            self._closing = True
        elif self._since is not None and now - self._since >= self._seconds:
            self._end(_TOO_SLOW)
        rest = self._since + self._seconds - now if self._since is not None else self._seconds
        self._timer = self.loop.call_later(max(rest, 1), self._look)

    def _end(self, status: bytes) -> None:
        """Close, and say why where that cannot be taken for the answer to another request, or for a second one."""
        if self.transport.is_closing():
            return
        cycle = self.cycle  # that of the request before, while the head of this one is not in
        is_own = bool(cycle) and cycle.scope is self.scope
        free = not (cycle.response_started or self.pipeline) if is_own else not cycle or cycle.response_complete
        if free:
            self.transport.write(b"HTTP/1.1 %b\r\nconnection: close\r\ncontent-length: 0\r\n\r\n" % status)
        self.transport.close()
