"""Clients that ask a service without a break, over eight connections, and keep what became of each request."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

CONNECTIONS = 8


@dataclass(frozen=True)
class Reply:
    """One answer."""

    status: int
    headers: dict[str, str]
    body: dict

    @property
    def inference_id(self) -> str:
        return str(self.body["inference_id"])


@dataclass
class Outcome:
    """What became of the requests."""

    replies: list[Reply] = field(default_factory=list)
    cut: int = 0
    """Requests that were sent and got no whole answer: the connection ended."""
    refused: int = 0
    """Connections that nobody took; nothing was sent on them."""

    @property
    def statuses(self) -> Counter[int]:
        return Counter(reply.status for reply in self.replies)

    @property
    def acknowledged(self) -> list[str]:
        """Ids of the predictions that were given, sorted."""
        return sorted(reply.inference_id for reply in self.replies if reply.status == 200)


@contextlib.contextmanager
def load(
    url: str, payload: dict, *, connections: int = CONNECTIONS, pause: float = 0.0, key: str | None = None
) -> Iterator[Outcome]:
    """Ask meanwhile, with an API ``key``; each connection waits ``pause`` seconds between two requests.

    At the end every request that was sent is answered, or its connection ended.
    """
    outcome, stop = Outcome(), threading.Event()
    address = urlsplit(url)
    assert address.hostname
    assert address.port
    body = json.dumps(payload).encode()
    head = f"POST /v1/predict HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Type: application/json\r\n"
    head += f"X-API-Key: {key}\r\n" if key else ""
    request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body

    async def all_clients() -> None:
        clients = (_ask(address.hostname, address.port, request, outcome, stop, pause) for _ in range(connections))
        await asyncio.gather(*clients)

    thread = threading.Thread(target=asyncio.run, args=(all_clients(),))
    thread.start()
    try:
        yield outcome
    finally:
        stop.set()
        thread.join()


async def _ask(host, port, request: bytes, outcome: Outcome, stop: threading.Event, pause: float) -> None:
    while not stop.is_set():
        try:
            reader, writer = await asyncio.open_connection(host, port)
        except OSError:
            outcome.refused += 1
            await asyncio.sleep(0.02)
            continue
        with contextlib.closing(writer):
            while not stop.is_set():
                try:
                    writer.write(request)
                    reply = await _read(reader)
                except (OSError, asyncio.IncompleteReadError):
                    outcome.cut += 1
                    break
                outcome.replies.append(reply)
                if reply.headers.get("connection") == "close":
                    break
                await asyncio.sleep(pause)


async def _read(reader: asyncio.StreamReader) -> Reply:
    status, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    body = await reader.readexactly(int(headers["content-length"]))
    text = headers.get("content-type") != "application/json"
    return Reply(int(status.split()[1]), headers, {"text": body.decode()} if text else json.loads(body))
