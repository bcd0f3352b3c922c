"""What every answer carries: it may be framed by Airflow only, loads nothing from elsewhere, is kept nowhere."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import Request, Response

_ALWAYS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_NOTHING = "default-src 'none'; base-uri 'none'; frame-ancestors 'self'"


def page_policy(nonce: str) -> str:
    """Of the platform's own pages: the style and the script that carry the nonce, forms that come back here."""
    own = f"style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; form-action 'self'"
    return f"{_NOTHING}; {own}"


REPORT_POLICY = (
    f"{_NOTHING}; style-src 'unsafe-inline'; img-src data:;"
    " sandbox allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation"
)
"""Of a report, which is a file from elsewhere: no script of it runs, and it is no part of this site."""


async def add_headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Middleware; an answer without a policy of its own gets one that allows nothing."""
    response = await call_next(request)
    for name, value in _ALWAYS.items():
        response.headers[name] = value
    response.headers.setdefault("Content-Security-Policy", f"{_NOTHING}; form-action 'none'")
    return response
