"""The app that Airflow mounts: every address of it is behind Airflow's login."""

from __future__ import annotations

import logging
from collections.abc import Callable

import psycopg2
from airflow.api_fastapi.core_api.security import get_user
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from pydantic import ValidationError

from ml.errors import ConfigError, Unavailable
from ml.settings import Settings
from platform_page.pages import router
from platform_page.rendering import render
from platform_page.security import add_headers

_log = logging.getLogger(__name__)
_LOG_IN = "Log in to Airflow, then come back."
_TITLES = {401: "You are not logged in", 403: "You may not see this", 404: "Not found", 405: "Not found"}


def create_app(make_settings: Callable[[], Settings] = Settings) -> FastAPI:
    """``make_settings`` is called for each request, by default from the environment."""
    app = FastAPI(
        title="ML platform",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        dependencies=[Depends(get_user)],
    )
    app.state.make_settings = make_settings
    app.include_router(router)
    app.middleware("http")(add_headers)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _unknown)
    app.add_exception_handler(Unavailable, _unavailable)
    app.add_exception_handler(psycopg2.OperationalError, _unavailable)
    app.add_exception_handler(ConfigError, _misconfigured)
    app.add_exception_handler(ValidationError, _misconfigured)
    return app


def _refused(request: Request, error: Exception) -> HTMLResponse:
    assert isinstance(error, HTTPException)
    text = _LOG_IN if error.status_code in (401, 403) else str(error.detail)
    return _problem(request, error.status_code, _TITLES.get(error.status_code, "That did not work"), text)


def _unknown(request: Request, _error: Exception) -> HTMLResponse:
    return _problem(request, 404, "Not found", "There is no page at this address.")


def _unavailable(request: Request, error: Exception) -> HTMLResponse:
    _log.warning("%s", error)
    text = "The platform's database does not answer. Airflow and serving go on; this page is back when it is."
    return _problem(request, 503, "The database does not answer", text)


def _misconfigured(request: Request, error: Exception) -> HTMLResponse:
    _log.error("%s", error)
    text = "The platform's settings or a use case's files cannot be read. The log of Airflow's api-server says why."
    return _problem(request, 500, "The platform is not set up", text)


def _problem(request: Request, status: int, title: str, text: str) -> HTMLResponse:
    return render(request, "problem.html", status=status, title=title, text=text)
