"""A client that loads one address over kept connections, in a process of its own: its work is not the server's.

It speaks just enough HTTP/1.1 to be several times as fast as the fastest server here.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass

import uvloop


@dataclass
class Load:
    """What one round saw; latencies in milliseconds."""

    requests: int
    errors: int
    seconds: float
    p50: float
    p99: float


class _Connection(asyncio.Protocol):
    """Sends the same request again as soon as the reply is in whole."""

    def __init__(self, request: bytes, latencies: list[float], errors: list[bytes]) -> None:
        self._request, self._latencies, self._errors = request, latencies, errors
        self._buffer, self._began = b"", 0.0
        self.ended = asyncio.get_running_loop().create_future()
        self.stopping = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._ask()

    def _ask(self) -> None:
        self._began = time.perf_counter()
        self._transport.write(self._request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head_end = self._buffer.find(b"\r\n\r\n")
        if head_end < 0:
            return
        head = self._buffer[:head_end].lower()
        at = head.index(b"content-length:") + 15
        length = int(head[at : at + 12].split(b"\r\n")[0])
        if len(self._buffer) < head_end + 4 + length:
            return
        self._latencies.append(time.perf_counter() - self._began)
        if head[9:12] != b"200":
            self._errors.append(self._buffer[:300])
        self._buffer = b""
        if self.stopping:
            self._transport.close()
        else:
            self._ask()

    def connection_lost(self, _exc: Exception | None) -> None:
        if not self.stopping:
            self._errors.append(b"connection closed")
        if not self.ended.done():
            self.ended.set_result(None)


async def _run(host: str, port: int, request: bytes, connections: int, seconds: float) -> Load:
    loop = asyncio.get_running_loop()
    latencies: list[float] = []
    errors: list[bytes] = []
    began = time.perf_counter()
    made = [
        (await loop.create_connection(lambda: _Connection(request, latencies, errors), host, port))[1]
        for _ in range(connections)
    ]
    await asyncio.sleep(seconds)
    for connection in made:
        connection.stopping = True
    await asyncio.wait([c.ended for c in made], timeout=30)
    took = time.perf_counter() - began
    if errors:
        print(errors[0], file=sys.stderr)
    ordered = sorted(latencies) or [float("nan")]
    at = [1000 * ordered[min(len(ordered) - 1, int(len(ordered) * q))] for q in (0.5, 0.99)]
    return Load(len(latencies), len(errors), took, *at)


def main() -> None:
    """`python bench/load.py host port path connections seconds < body`: prints the figures as JSON."""
    host, port, path, connections, seconds = sys.argv[1:]
    body = sys.stdin.buffer.read()
    head = (
        f"POST {path} HTTP/1.1",
        f"Host: {host}:{port}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    )
    request = "\r\n".join([*head, "", ""]).encode() + body
    print(json.dumps(asdict(uvloop.run(_run(host, int(port), request, int(connections), float(seconds))))))


if __name__ == "__main__":
    main()
