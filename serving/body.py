"""The JSON object in a request's body."""

from __future__ import annotations

from pydantic_core import from_json

from serving.errors import MalformedRequest


def json_object(body: bytes, shape: str) -> dict[str, object]:
    """What the body holds. Raises :class:`MalformedRequest`, which shows the ``shape`` it must have."""
    try:
        # NaN and infinity are let through here, so that their field can be named.
        document = from_json(body, allow_inf_nan=True)
    except ValueError as error:
        raise MalformedRequest(f"the body is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise MalformedRequest(f"the body must be a JSON object: {shape}")
    return document
