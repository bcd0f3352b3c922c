"""``POST /v1/outcomes``: the true label of a prediction, told later. A repeat changes nothing."""

from __future__ import annotations

import datetime as dt
from typing import Any

import psycopg2
from pydantic_core import to_json
from starlette.responses import Response
from starlette.types import Scope

from ml.contract import Column, Scalar
from ml.errors import Unavailable
from ml.field_value import describe
from serving.body import json_object
from serving.client_id import read_id
from serving.errors import OtherLabel, OutcomeNotKept, UnknownInference, wrong_field
from serving.state import State

PATH = "/v1/outcomes"
_SHAPE = '{"inference_id": "...", "label": ...}'
# The label that is there afterwards, whoever wrote it: of two rows with one id the first stays.
_ADD = """
    WITH added AS (
        INSERT INTO ml.outcomes (inference_id, use_case, label, observed_at) VALUES (%s, %s, %s, %s)
        ON CONFLICT (inference_id) DO NOTHING RETURNING label, observed_at
    )
    SELECT label, observed_at FROM added
    UNION ALL SELECT label, observed_at FROM ml.outcomes WHERE inference_id = %s LIMIT 1
"""


async def add_outcome(scope: Scope, body: bytes) -> Response:
    """Keep one true label; when the answer arrives it is durable."""
    state = State.of(scope)
    contract = state.watcher.serving().manifest.contract
    document = json_object(body, _SHAPE)
    inference_id = read_id(document.get("inference_id"))
    label = _read_label(document, contract.target)
    observed = _observed(document)
    scope["state"]["inference_id"] = inference_id
    try:
        logged = await state.answers.find(inference_id)
    except Unavailable as error:
        raise OutcomeNotKept("Postgres is away") from error
    if logged is None or logged.use_case != contract.use_case:
        raise UnknownInference
    parameters = (str(inference_id), contract.use_case, label, observed, str(inference_id))
    try:
        rows: list[tuple[Any, ...]] = []
        while not rows:  # none where another transaction wrote it in this very moment
            rows = await state.answers.postgres.execute(_ADD, parameters)
    except (psycopg2.Error, OSError) as error:  # TimeoutError is an OSError
        raise OutcomeNotKept("Postgres did not take it") from error
    kept, at = rows[0]
    if kept != label:
        raise OtherLabel
    answer = {"inference_id": inference_id, "label": kept, "observed_at": at}
    return Response(to_json(answer), media_type="application/json")


def labels(target: Column) -> list[tuple[Scalar, int]]:
    """What a label may be, with the class it means.

    The target's categories; also 1 and 0, as the class itself, where no category is a number.
    """
    categories = [(c, int(c == target.positive)) for c in target.categories or ()]
    return categories if any(_is_number(c) for c, _ in categories) else [*categories, (1, 1), (0, 0)]


def _read_label(document: dict[str, object], target: Column) -> int:
    """1 for the positive class. Raises :class:`ml.errors.InvalidInput`."""
    value = document.get("label")
    for label, meant in labels(target):
        if value == label and isinstance(value, bool) is isinstance(label, bool):
            return meant
    known = ", ".join(to_json(label).decode() for label, _ in labels(target))
    raise wrong_field("label", f"must be one of {known}; got {describe(value) if 'label' in document else 'nothing'}")


def _observed(document: dict[str, object]) -> dt.datetime:
    """When the label was seen; now where that is not said. Raises :class:`ml.errors.InvalidInput`."""
    if "observed_at" not in document:
        return dt.datetime.now(dt.UTC)
    value = document["observed_at"]
    try:
        moment = dt.datetime.fromisoformat(value) if isinstance(value, str) else None
        if moment and moment.tzinfo:
            return moment.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        pass
    must = "must be a time with its zone, as 2026-03-02T09:30:00Z"
    raise wrong_field("observed_at", f"{must}; got {describe(value)}")


def _is_number(value: Scalar) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
