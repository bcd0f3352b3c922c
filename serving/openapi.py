"""The API document. Its request model is that of the version that serves: ranges, units, meanings, examples."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from ml import one_hot
from ml.contract import Column, ColumnType
from ml.field_value import allowed
from serving.model import Model
from serving.routes import PREDICT_PATHS
from serving.schemas import Answer, Error

Json = dict[str, Any]
_REF = "#/components/schemas/{model}"
_ERRORS = {
    "400": "The body is no JSON object.",
    "422": "Fields cannot be used; `problems` names each with what it may hold.",
    "503": "No model serves, or the prediction could not be logged. Try again after `Retry-After` seconds.",
}
_TYPES = {ColumnType.INTEGER: "integer", ColumnType.NUMBER: "number"}


class DescribedApi(FastAPI):
    """A FastAPI app whose document follows the model."""

    def openapi(self) -> Json:
        """The document for the version that serves; made anew when that changed."""
        model: Model | None = self.state.serving.watcher.model
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
    predict = {path: {"post": _operation(path)} for path in PREDICT_PATHS}
    return document | {"paths": predict | document["paths"]}


def _introduction(model: Model | None) -> str:
    if model is None:
        return "No model serves yet; `/ready` says why."
    manifest = model.manifest
    return f"{manifest.contract.description}\n\nServes version {model.version} of `{manifest.model_name}`."


def _operation(path: str) -> Json:
    return {
        "tags": ["prediction"],
        "summary": "Predict",
        "description": "The prediction for one input. It is in the inference log when the answer arrives.",
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
    fields = _input(model) if model else {"type": "object", "title": "Input"}
    return {"type": "object", "title": "Request", "properties": {"input": fields}, "required": ["input"]}


def _input(model: Model) -> Json:
    contract = model.manifest.contract
    columns = [contract.column(f.name) for f in model.manifest.features]
    return {
        "type": "object",
        "title": "Input",
        "description": (
            "Unknown fields, and those that the model does not use, are ignored with a warning. A category may also "
            "be spelled one-hot, as `<field>_<category>: true`; with all of a field's flags false it is the baseline."
        ),
        "properties": {c.name: _property(c) for c in columns},
        "required": [c.name for c in columns if c.nulls != "allowed"],
        "example": {c.name: _example(c) for c in columns},
    }


def _property(column: Column) -> Json:
    low, high = column.range or (None, None)
    kind = _TYPES.get(column.type)
    schema: Json = {"title": column.name, "description": _description(column), "example": _example(column)}
    if kind:
        schema["type"] = [kind, "null"] if column.nulls == "allowed" else kind
    if column.categories:
        schema["enum"] = [*column.categories, *([None] if column.nulls == "allowed" else [])]
    bounds = {"minimum": low, "maximum": high}
    return schema | {name: _plain(bound) for name, bound in bounds.items() if bound is not None}


def _plain(bound: float) -> int | float:
    return int(bound) if bound.is_integer() else bound


def _description(column: Column) -> str:
    text = f"{column.meaning}: {allowed(column)}."
    if column.is_numeric:
        return text
    return f"{text} One-hot baseline: `{one_hot.baseline(column)}`."


def _example(column: Column) -> object:
    if column.example is not None or column.nulls == "allowed":
        return column.example
    return column.categories[0] if column.categories else (column.range or (0,))[0] or 0
