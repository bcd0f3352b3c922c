"""Makes pages from the templates beside it."""

from __future__ import annotations

import json
import secrets
from functools import cache

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment

from ml.pages import page_environment
from platform_page import words
from platform_page.security import page_policy


@cache
def _environment() -> Environment:
    filters = {name: getattr(words, name) for name in words.FILTERS}
    return page_environment("platform_page", pretty=_pretty, **filters)


def _pretty(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


def render(request: Request, template: str, *, status: int = 200, **context: object) -> HTMLResponse:
    """A page; ``context`` is what its template names, ``root`` and ``airflow`` are the addresses below which it links.

    Their addresses begin with the path of ``[api] base_url``, where it has one.
    """
    nonce, root = secrets.token_urlsafe(16), request.scope.get("root_path", "")
    page = _environment().get_template(template)
    text = page.render(**context, root=root, airflow=root.rpartition("/")[0], nonce=nonce)
    return HTMLResponse(text, status, headers={"Content-Security-Policy": page_policy(nonce)})
