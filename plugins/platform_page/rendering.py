"""Makes pages from the templates beside it."""

from __future__ import annotations

import json
import secrets
from functools import cache

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from platform_page import words
from platform_page.security import page_policy


@cache
def _environment() -> Environment:
    """HTML is escaped, and a name without a value is an error."""
    environment = Environment(
        loader=PackageLoader("platform_page"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {name: getattr(words, name) for name in words.FILTERS}
    environment.filters["pretty"] = lambda value: json.dumps(value, indent=2, ensure_ascii=False, default=str)
    return environment


def render(request: Request, template: str, *, status: int = 200, **context: object) -> HTMLResponse:
    """A page; ``context`` is what its template names, ``root`` and ``airflow`` are the addresses below which it links.

    Their addresses begin with the path of ``[api] base_url``, where it has one.
    """
    nonce, root = secrets.token_urlsafe(16), request.scope.get("root_path", "")
    page = _environment().get_template(template)
    text = page.render(**context, root=root, airflow=root.rpartition("/")[0], nonce=nonce)
    return HTMLResponse(text, status, headers={"Content-Security-Policy": page_policy(nonce)})
