"""A connection to a service that can be cut, left dead, and mended."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine, Iterator
from typing import Any
from urllib.parse import urlsplit


class Wire:
    """Passes TCP on to a service. Use it with :func:`wire`."""

    def __init__(self, target: str, loop: asyncio.AbstractEventLoop) -> None:
        self._target, self._loop = urlsplit(target), loop
        self._server: asyncio.Server | None = None
        self._port = 0
        self._dead = False
        self._open: set[asyncio.StreamWriter] = set()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def cut(self) -> None:
        """Connections end, and new ones are refused."""
        self._run(self._cut())

    def deaden(self) -> None:
        """Connections end; new ones are taken, and nothing comes back on them."""
        self._dead = True
        self._run(self._end_open())

    def mend(self) -> None:
        """All is well again."""
        self._dead = False
        self._run(self._listen())

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._pass_on, "127.0.0.1", self._port)
            self._port = self._server.sockets[0].getsockname()[1]

    async def _cut(self) -> None:
        if self._server:
            self._server.close()
            self._server = None
        await self._end_open()

    async def _end_open(self) -> None:
        for writer in self._open:
            writer.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            if self._dead:
                while await reader.read(65536):
                    pass
                return
            there, back = await asyncio.open_connection(self._target.hostname, self._target.port)
            with contextlib.closing(back):
                await asyncio.gather(_copy(reader, back), _copy(there, writer))
        except OSError:
            pass
        finally:
            writer.close()
            self._open.discard(writer)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while content := await reader.read(65536):
            writer.write(content)
            await writer.drain()
    writer.close()


@contextlib.contextmanager
def wire(target: str) -> Iterator[Wire]:
    """A wire to the service at that address, whole at first."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    made = Wire(target, loop)
    try:
        made.mend()
        yield made
        made.cut()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
