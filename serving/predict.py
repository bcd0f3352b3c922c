"""``POST /v1/predict``: one input. A client that sends an id of its own may repeat the request."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter
from uuid import UUID

from pydantic_core import to_json
from starlette.background import BackgroundTask
from starlette.responses import Response
from starlette.types import Scope

from ml.errors import Unavailable
from ml.inference_id import new_id
from serving import log_record
from serving.body import json_object
from serving.client_id import read_id, require_now
from serving.errors import wrong_field
from serving.logged import LoggedAnswer
from serving.model import Model
from serving.shadow import Answered
from serving.state import State
from serving.tracing import step

PREDICT_PATHS = ("/v1/predict", "/predict")
_SHAPE = '{"input": {...}}'


@dataclass(frozen=True)
class _Asked:
    payload: Mapping[str, object]
    key: str | None
    inference_id: UUID | None
    size: int
    """Bytes of the body."""
    began: float


async def predict(scope: Scope, body: bytes) -> Response:
    """Read one input, predict, log, answer. Its place in the API document is written by :mod:`serving.openapi`."""
    began = perf_counter()
    state = State.of(scope)
    production = state.watcher.serving()
    asked = _asked(body, began)
    if asked.inference_id is None:
        return await _answer(scope, state, production, asked, new_id())
    return await _once(scope, state, production, asked, asked.inference_id)


async def _once(scope: Scope, state: State, production: Model, asked: _Asked, inference_id: UUID) -> Response:
    """The first answer under an id, whether it was given before or is given now."""
    after = None
    async with state.answers.turn(inference_id):
        first = await _find(state, inference_id)
        if first is None:
            require_now(inference_id)
            answer = await _answer(scope, state, production, asked, inference_id)
            first, after = await _find(state, inference_id), answer.background
            if first is None:
                return answer
    # Also where it was given just now: another process may have been asked at the same time, and been faster.
    reader = state.challenger.reader(first.model_version, production)
    repeated = {"inference_id": inference_id, **first.repeated(asked.payload, reader)}
    scope["state"].update(inference_id=inference_id, model_version=first.model_version)
    return Response(to_json(repeated), media_type="application/json", background=after)


async def _find(state: State, inference_id: UUID) -> LoggedAnswer | None:
    try:
        return await state.answers.find(inference_id)
    except Unavailable:  # a prediction is given without Postgres too
        return None


async def _answer(scope: Scope, state: State, production: Model, asked: _Asked, inference_id: UUID) -> Response:
    body_read = perf_counter()
    with step(scope, "predict"):
        prediction, role = await state.challenger.answer(production, asked.payload, asked.key)
    predicted, model, now = perf_counter(), prediction.model, dt.datetime.now(dt.UTC)
    scope["state"].update(inference_id=inference_id, model_version=model.version)
    with step(scope, "log"):
        await state.log.append(log_record.record(inference_id, prediction, now, role))
    read = prediction.read_milliseconds / 1000
    state.metrics.phases(
        "predict", body_read - asked.began + read, predicted - body_read - read, perf_counter() - predicted
    )
    state.metrics.predicted(model.version, (prediction.probability,), prediction.label)
    shadow = state.challenger.shadowing(production)
    after = (
        BackgroundTask(state.challenger.show, shadow, Answered(inference_id, asked.payload, asked.size, now))
        if shadow
        else None
    )
    answer = {
        "class": prediction.label,
        "probability": prediction.probability,
        "n_features": len(prediction.values),
        "model_version": model.version,
        "inference_id": inference_id,
        "threshold": model.manifest.threshold,
        "warnings": prediction.warnings,
    }
    return Response(to_json(answer), media_type="application/json", background=after)


def _asked(body: bytes, began: float) -> _Asked:
    """Raises :class:`serving.errors.MalformedRequest` or :class:`ml.errors.InvalidInput`."""
    document = json_object(body, _SHAPE)
    payload = document.get("input")
    if not isinstance(payload, dict):
        raise wrong_field("input", "must be an object that holds the fields by name")
    key = document.get("key")
    if not (key is None or isinstance(key, str)):
        raise wrong_field("key", "must be a text, or left out")
    inference_id = read_id(document["inference_id"]) if "inference_id" in document else None
    return _Asked(payload, key, inference_id, len(body), began)
