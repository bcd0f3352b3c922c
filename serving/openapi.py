"""The API document. Its request model is that of the version that serves."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from ml.contract import Column
from serving.input_schema import input_schema, input_table
from serving.model import Model
from serving.predict import PREDICT_PATHS
from serving.schemas import Answer, Error

Json = dict[str, Any]
_REF = "#/components/schemas/{model}"
_ERRORS = {
    "400": "The body is no JSON object.",
    "422": "Fields cannot be used; `problems` names each with what it may hold.",
    "503": "No model serves, or the prediction could not be logged. Try again after `Retry-After` seconds.",
}


_KEY = {
    "type": ["string", "null"],
    "title": "key",
    "description": "Whom the input is about, as any text. While two versions share the traffic, requests of one key "
    "are answered by the same version. It is not kept.",
    "example": "client 4711",
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
    _, definitions = models_json_schema([(Answer, "serialization"), (Error, "serialization")], ref_template=_REF)
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas.update(definitions["$defs"])
    schemas["Request"] = _request(model)
    predict = {path: {"post": _operation(path, model)} for path in PREDICT_PATHS}
    return document | {"paths": predict | document["paths"]}


def _introduction(model: Model | None) -> str:
    if model is None:
        return "No model serves yet; `/ready` says why."
    manifest = model.manifest
    return f"{manifest.contract.description}\n\nServes version {model.version} of `{manifest.model_name}`."


def _operation(path: str, model: Model | None) -> Json:
    text = "The prediction for one input. It is in the inference log when the answer arrives."
    return {
        "tags": ["prediction"],
        "summary": "Predict",
        "description": f"{text}\n\n{input_table(_columns(model))}" if model else text,
        "operationId": path.strip("/").replace("/", "_"),
        "requestBody": {"required": True, "content": _content("Request")},
        "responses": {
            "200": {"description": "The prediction", "content": _content("Answer")},
            **{status: {"description": text, "content": _content("Error")} for status, text in _ERRORS.items()},
        },
    }


def _content(schema: str) -> Json:
    return {"application/json": {"schema": {"$ref": _REF.format(model=schema)}}}


def _request(model: Model | None) -> Json:
    fields = input_schema(_columns(model)) if model else {"type": "object", "title": "Input"}
    properties = {"input": fields, "key": _KEY}
    return {"type": "object", "title": "Request", "properties": properties, "required": ["input"]}


def _columns(model: Model) -> list[Column]:
    return [model.manifest.contract.column(f.name) for f in model.manifest.features]
