"""``POST /v1/predict/batch``: many inputs, one run of the model, one write to the log; all of them or none."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Sequence
from time import perf_counter

from pydantic_core import to_json
from starlette.responses import Response
from starlette.types import Scope

from ml.errors import FieldProblem, InvalidInput
from ml.inference_id import new_id
from ml.payload import Parsed
from serving import log_record
from serving.body import json_object
from serving.errors import wrong_field
from serving.model import Model, Prediction
from serving.state import State
from serving.tracing import step

PATH = "/v1/predict/batch"
_SHAPE = '{"inputs": [{...}, ...]}'
_AT_ONCE = 100
"""Rows read or written before other requests get their turn."""
_MAX_PROBLEMS = 50


async def predict_batch(scope: Scope, body: bytes) -> Response:
    """Read the inputs, predict, log, answer. By the version in production, whatever share a challenger has."""
    began = perf_counter()
    state = State.of(scope)
    model = state.watcher.serving()
    inputs = _inputs(json_object(body, _SHAPE), scope["app"].state.settings.batch_max_rows)
    scope["state"]["model_version"] = model.version
    parsed = await _parsed(model, inputs)
    read = perf_counter()
    with step(scope, "predict"):
        # onnxruntime lets other threads run meanwhile.
        probabilities = await asyncio.to_thread(model.probabilities, parsed)
    predicted = perf_counter()
    now = dt.datetime.now(dt.UTC)
    records, answers, positive = [], [], 0
    for number, (row, probability) in enumerate(zip(parsed, probabilities, strict=True)):
        if number % _AT_ONCE == 0:
            await asyncio.sleep(0)
        inference_id, prediction = new_id(), Prediction(model, row.values, probability, row.warnings)
        label = prediction.label
        positive += label
        records.append(log_record.record(inference_id, prediction, now))
        answers.append(
            {"inference_id": inference_id, "class": label, "probability": probability, "warnings": row.warnings}
        )
    with step(scope, "log"):
        await state.log.append(*records)
    state.metrics.phases("batch", read - began, predicted - read, perf_counter() - predicted)
    state.metrics.predicted(model.version, probabilities, positive)
    answer = {
        "model_version": model.version,
        "threshold": model.manifest.threshold,
        "n_features": len(model.manifest.features),
        "predictions": answers,
    }
    return Response(to_json(answer), media_type="application/json")


def _inputs(document: dict[str, object], limit: int) -> list[object]:
    """Raises :class:`ml.errors.InvalidInput`."""
    inputs = document.get("inputs")
    if not isinstance(inputs, list) or not inputs:
        raise wrong_field("inputs", "must be a list of at least one object that holds the fields by name")
    if len(inputs) > limit:
        raise wrong_field("inputs", f"holds {len(inputs)} inputs; the limit is {limit} in one request")
    return inputs


async def _parsed(model: Model, inputs: Sequence[object]) -> list[Parsed]:
    """Raises :class:`ml.errors.InvalidInput` naming the fields, of the first inputs that cannot be used."""
    parsed: list[Parsed] = []
    problems: list[FieldProblem] = []
    for number, payload in enumerate(inputs):
        if number % _AT_ONCE == 0:
            await asyncio.sleep(0)
        name = f"inputs[{number}]"
        if not isinstance(payload, dict):
            problems.append(FieldProblem(name, "must be an object that holds the fields by name"))
        else:
            try:
                parsed.append(model.parse(payload))
            except InvalidInput as error:
                problems += [FieldProblem(f"{name}.{p.field}", p.message) for p in error.problems]
        if len(problems) > _MAX_PROBLEMS:
            more = FieldProblem("inputs", f"more than {_MAX_PROBLEMS} fields cannot be used; these are the first")
            raise InvalidInput([*problems[:_MAX_PROBLEMS], more])
    if problems:
        raise InvalidInput(problems)
    return parsed
