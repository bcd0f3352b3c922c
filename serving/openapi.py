"""The API document. Its request model is that of the version that serves."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from ml.contract import Column
from serving.batch import PATH as BATCH_PATH
from serving.client_id import PATTERN
from serving.input_schema import example, input_schema, input_table
from serving.model import Model
from serving.outcomes import PATH as OUTCOMES_PATH
from serving.outcomes import labels
from serving.predict import PREDICT_PATHS
from serving.schemas import Answer, BatchAnswer, Error, OutcomeAnswer

Json = dict[str, Any]
_REF = "#/components/schemas/{model}"
_REFUSED = {
    "400": "The body is no JSON object, or the Host header names another service.",
    "401": "No API key, or an unknown one.",
    "403": "The service has no API keys, so it answers on its own machine only.",
    "404": "No prediction of that id is known.",
    "409": "The id names another prediction, or one with another label, already; or it is of a later time.",
    "413": "The body is larger than this service takes.",
    "422": "Fields cannot be used; `problems` names each with what it may hold.",
    "503": "No model serves, nothing durable can be written, or there are too many requests. Try again after "
    "`Retry-After` seconds.",
}
_OPEN_PATHS = ("/health", "/ready")
_ANSWERED = "019a2f10-6290-7c17-8200-4b40bd706641"
_OBSERVED = "2026-03-02T09:30:00Z"
_ANY_INPUT: Json = {"type": "object", "title": "Input"}
_KEY: Json = {
    "type": ["string", "null"],
    "title": "key",
    "description": "Whom the input is about, as any text. While two versions share the traffic, requests of one key "
    "are answered by the same version. It is not kept.",
    "example": "client 4711",
}


_ID: Json = {
    "type": "string",
    "format": "uuid",
    "pattern": PATTERN,
    "title": "inference_id",
    "description": "A UUID of version 7, made anew for each input. A repeat under the same id gets the first answer "
    "and is not logged again; another input under it gets 409. Without it the service makes one, and a repeat is a "
    "prediction of its own.",
}
_KEY_SCHEMES: Json = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}


class DescribedApi(FastAPI):
    """A FastAPI app whose document follows the model."""

    def openapi(self) -> Json:
        """The document for the version that serves; made anew when that changed."""
        model: Model | None = self.state.serving.watcher.standing.model
        if self.openapi_schema is None or self.state.described is not model:
            self.openapi_schema, self.state.described = describe(self, model), model
        return self.openapi_schema


def describe(app: FastAPI, model: Model | None) -> Json:
    """The document with the prediction endpoints, for a model or, before there is one, for any input."""
    title = model.manifest.contract.title if model else app.title
    document = get_openapi(title=title, version=app.version, description=_introduction(model), routes=app.routes)
    answers = [(kind, "serialization") for kind in (Answer, BatchAnswer, OutcomeAnswer, Error)]
    _, definitions = models_json_schema(answers, ref_template=_REF)  # type: ignore[arg-type]
    components = document.setdefault("components", {})
    components.setdefault("schemas", {}).update(
        definitions["$defs"],
        Input=input_schema(_columns(model)) if model else _ANY_INPUT,
        Request=_request(model),
        BatchRequest=_batch_request(model, app.state.settings.batch_max_rows),
        OutcomeRequest=_outcome_request(model),
    )
    document["paths"] = _predicting(model, app.state.settings.batch_max_rows) | document["paths"]
    if app.state.settings.api_keys_file:
        components["securitySchemes"] = _KEY_SCHEMES
        document["security"] = [{name: []} for name in _KEY_SCHEMES]
    for path, methods in document["paths"].items():
        for operation in methods.values():
            _refusals(path, operation)
    return document


def _introduction(model: Model | None) -> str:
    if model is None:
        return "No model serves yet; `/ready` says why."
    manifest = model.manifest
    return f"{manifest.contract.description}\n\nServes version {model.version} of `{manifest.model_name}`."


def _predicting(model: Model | None, limit: int) -> Json:
    table = f"\n\n{input_table(_columns(model))}" if model else ""
    one = f"The prediction for one input. It is in the inference log when the answer arrives.{table}"
    many = (
        f"Predictions for 1 to {limit} inputs, in their order, by one version. All of them are in the inference log "
        "when the answer arrives; where one input cannot be used, there is no prediction at all and `problems` names "
        "the fields as `inputs[i].field`, `i` from 0. The ids are made by the service: a repeated batch is predicted "
        "and logged anew."
    )
    label = (
        "The true label of a prediction, when it is known. It is durable when the answer arrives; a repeat changes "
        "nothing, another label for the same prediction is refused."
    )
    predict = {
        path: {"post": _operation("Predict", path, one, "Request", "Answer", ("409", "422"))} for path in PREDICT_PATHS
    }
    predict["/predict"]["post"]["description"] = f"The same as `/v1/predict`, for clients of the first hour.\n\n{one}"
    return predict | {
        BATCH_PATH: {"post": _operation("Predict many", BATCH_PATH, many, "BatchRequest", "BatchAnswer", ("422",))},
        OUTCOMES_PATH: {
            "post": _operation(
                "Tell a true label", OUTCOMES_PATH, label, "OutcomeRequest", "OutcomeAnswer", ("404", "409", "422")
            )
        },
    }


def _operation(summary: str, path: str, text: str, request: str, answer: str, errors: tuple[str, ...]) -> Json:
    return {
        "tags": ["outcomes" if path == OUTCOMES_PATH else "prediction"],
        "summary": summary,
        "description": text,
        "operationId": path.strip("/").replace("/", "_"),
        "requestBody": {"required": True, "content": _content(request)},
        "responses": {
            "200": {"description": "Done", "content": _content(answer)},
            **{status: _refusal(status) for status in ("400", "413", *errors, "503")},
        },
    }


def _refusals(path: str, operation: Json) -> None:
    """What the guard may answer before an endpoint sees the request."""
    statuses = ["400"] if path in _OPEN_PATHS else ["400", "401", "403", "503"]
    for status in statuses:
        operation["responses"].setdefault(status, _refusal(status))
    if path in _OPEN_PATHS:
        operation["security"] = []


def _refusal(status: str) -> Json:
    refusal: Json = {"description": _REFUSED[status], "content": _content("Error")}
    if status == "503":
        refusal["headers"] = {"Retry-After": {"description": "Seconds", "schema": {"type": "integer"}}}
    return refusal


def _content(schema: str) -> Json:
    return {"application/json": {"schema": {"$ref": _REF.format(model=schema)}}}


def _request(model: Model | None) -> Json:
    properties = {"input": {"$ref": _REF.format(model="Input")}, "inference_id": _ID, "key": _KEY}
    request: Json = {"type": "object", "title": "Request", "properties": properties, "required": ["input"]}
    # Without an id, which whoever tries it out twice would send twice.
    return request | ({"example": {"input": _example(model)}} if model else {})


def _batch_request(model: Model | None, limit: int) -> Json:
    inputs = {"type": "array", "items": {"$ref": _REF.format(model="Input")}, "minItems": 1, "maxItems": limit}
    request: Json = {
        "type": "object",
        "title": "BatchRequest",
        "properties": {"inputs": inputs},
        "required": ["inputs"],
    }
    return request | ({"example": {"inputs": [_example(model)] * min(2, limit)}} if model else {})


def _example(model: Model) -> Json:
    return {column.name: example(column) for column in _columns(model)}


def _outcome_request(model: Model | None) -> Json:
    label: Json = {"title": "label"}
    shown: Json = {}
    if model:
        target = model.manifest.contract.target
        label |= {
            "enum": [label for label, _ in labels(target)],
            "description": f"{target.meaning}. Positive: `{target.positive}`.",
        }
        shown = {
            "example": {"inference_id": _ANSWERED, "label": target.positive, "observed_at": "2026-03-02T09:30:00Z"}
        }
    properties: Json = {
        "inference_id": {**_ID, "description": "As the prediction's answer gave it."},
        "label": label,
        "observed_at": {
            "type": "string",
            "format": "date-time",
            "title": "observed_at",
            "description": "When the label was known, with its zone; now, where it is left out.",
        },
    }
    return {
        "type": "object",
        "title": "OutcomeRequest",
        "properties": properties,
        "required": ["inference_id", "label"],
        **shown,
    }


def _columns(model: Model) -> list[Column]:
    return [model.manifest.contract.column(f.name) for f in model.manifest.features]
