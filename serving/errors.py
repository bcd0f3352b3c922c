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


class OutcomeNotKept(PlatformError):
    """A true label could not be made durable."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The outcome was not kept: {reason}. Try again; a repeat changes nothing.")


class IdTaken(DataError):
    """An inference id is known already, for another input."""

    def __init__(self) -> None:
        super().__init__("inference_id: names another prediction already. Send a new id with another input.")


class IdNotOfNow(DataError):
    """An inference id is of a later time."""

    def __init__(self) -> None:
        super().__init__("inference_id: its time is more than a day ahead. Make a UUIDv7 of this moment.")


class UnknownInference(DataError):
    """No prediction of that id is known."""

    def __init__(self) -> None:
        super().__init__(
            "inference_id: no prediction of this model's use case is known by it. Where it was answered by another "
            "machine while Postgres was away, it is known once that machine's spool is replayed: try again later."
        )


class OtherLabel(DataError):
    """The prediction has another true label already."""

    def __init__(self) -> None:
        super().__init__("label: another label is known for this inference_id; the first one stays.")


STATUS: dict[type[PlatformError], int] = {
    MalformedRequest: 400,
    UnknownInference: 404,
    IdTaken: 409,
    IdNotOfNow: 409,
    OtherLabel: 409,
    InvalidInput: 422,
    ModelError: 503,
    LogUnavailable: 503,
    OutcomeNotKept: 503,
    Unavailable: 503,
}
"""Status by class; subclasses have that of their base."""


def answer(request: Request, error: Exception) -> Response:
    """The HTTP answer for an error of :data:`STATUS`: ``detail``, and ``problems`` by field.

    Sets ``error`` in the request's state: its class, for the metrics.
    """
    request.scope["state"]["error"] = type(error).__name__
    problems = error.problems if isinstance(error, InvalidInput) else ()
    body = {"detail": str(error), "problems": [{"field": p.field, "message": p.message} for p in problems]}
    status = next(code for kind, code in STATUS.items() if isinstance(error, kind))
    headers = {"Retry-After": _RETRY_SECONDS} if status == 503 else None
    return Response(to_json(body), status, headers, media_type="application/json")


def wrong_field(field: str, message: str) -> InvalidInput:
    """The error for one field."""
    return InvalidInput([FieldProblem(field, message)])
