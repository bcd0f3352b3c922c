"""The page /docs: Swagger UI, its files served from a wheel, so that it works without internet."""

from __future__ import annotations

from importlib.util import find_spec

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

_WHEEL = "fastapi_offline"
_LOCAL = "/docs/files"
_CDN = "https://cdn.jsdelivr.net/npm/swagger-ui-dist@5"


def add_docs(app: FastAPI) -> None:
    """Serve the page, and its files where the wheel is installed; else the browser fetches them from a CDN."""
    files = _CDN
    if find_spec(_WHEEL):
        app.mount(_LOCAL, StaticFiles(packages=[(_WHEEL, "static")]))
        files = _LOCAL

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="/openapi.json",
            title=app.title,
            swagger_js_url=f"{files}/swagger-ui-bundle.js",
            swagger_css_url=f"{files}/swagger-ui.css",
            swagger_favicon_url=f"{files}/favicon.png",
        )
