"""Requests turned away before the app sees them."""

from __future__ import annotations

from dataclasses import dataclass, field

from pydantic_core import to_json
from starlette.types import Send


@dataclass(frozen=True)
class Refusal:
    """An answer without the app, of the shape of every other error."""

    status: int
    detail: str
    headers: tuple[tuple[bytes, bytes], ...] = field(default=())

    async def answer(self, send: Send) -> None:
        """Send it."""
        body = to_json({"detail": self.detail, "problems": []})
        own = ((b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": self.status, "headers": [*own, *self.headers]})
        await send({"type": "http.response.body", "body": body})


def unavailable(detail: str, retry_seconds: int) -> Refusal:
    """503: not now."""
    return Refusal(503, detail, ((b"retry-after", b"%d" % retry_seconds),))
