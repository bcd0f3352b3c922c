"""Errors of the service, and the table from errors to HTTP answers."""

from __future__ import annotations

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from ml.errors import DataError, FieldProblem, InvalidInput, ModelError, PlatformError, Unavailable

_RETRY_SECONDS = "2"


class MalformedRequest(DataError):
    """The body is no JSON object of the documented shape."""


class LogUnavailable(PlatformError):
    """A prediction could not be logged durably, so it was not given."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The prediction was withheld because it could not be logged: {reason}. Try again.")


STATUS: dict[type[PlatformError], int] = {
    MalformedRequest: 400,
    InvalidInput: 422,
    ModelError: 503,
    LogUnavailable: 503,
    Unavailable: 503,
}
"""Status by class; subclasses have that of their base."""


def answer(_request: Request, error: Exception) -> Response:
    """The HTTP answer for an error of :data:`STATUS`: ``detail``, and ``problems`` by field."""
    problems = error.problems if isinstance(error, InvalidInput) else ()
    body = {"detail": str(error), "problems": [{"field": p.field, "message": p.message} for p in problems]}
    status = next(code for kind, code in STATUS.items() if isinstance(error, kind))
    headers = {"Retry-After": _RETRY_SECONDS} if status == 503 else None
    return Response(to_json(body), status, headers, media_type="application/json")


def wrong_field(field: str, message: str) -> InvalidInput:
    """The error for one field."""
    return InvalidInput([FieldProblem(field, message)])
