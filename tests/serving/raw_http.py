"""HTTP by hand: a client that is fast, or says what no decent client would say."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from dataclasses import dataclass
from urllib.parse import urlsplit


def connect(url: str) -> socket.socket:
    address = urlsplit(url)
    return socket.create_connection((address.hostname, address.port), timeout=30)


def ask(url: str, request: bytes) -> tuple[int, bytes]:
    """Status and all of the answer to one request, which should ask for the connection's end."""
    with connect(url) as connection:
        connection.sendall(request)
        answer = b""
        while part := connection.recv(65536):
            answer += part
    return status_of(answer), answer


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def post(path: str, payload: dict, *headers: str) -> bytes:
    body = json.dumps(payload).encode()
    head = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


@dataclass(frozen=True)
class Reply:
    status: int
    seconds: float
    at: float
    head: bytes


async def load(url: str, request: bytes, *, clients: int, seconds: float, pause_after_503: float = 0) -> list[Reply]:
    """What clients get that ask without a break, each on one connection."""
    address, replies = urlsplit(url), []
    end = time.monotonic() + seconds

    async def client() -> None:
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        while time.monotonic() < end:
            started = time.perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]
            await reader.readexactly(int(length))
            replies.append(Reply(status_of(head), time.perf_counter() - started, time.monotonic(), head))
            if replies[-1].status == 503:
                await asyncio.sleep(pause_after_503)
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(client() for _ in range(clients)))
    return replies


def p99(replies: list[Reply]) -> float:
    """Seconds."""
    return sorted(reply.seconds for reply in replies)[int(0.99 * len(replies))]
