"""The HTTP interface, from the document that the service itself answers with."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from reference_pages.markdown import table
from serving.app import create_app
from serving.openapi import describe
from serving.settings import ServingSettings

Json = dict[str, Any]


def page() -> str:
    """A table of the operations, then one section each."""
    document = _document()
    operations = [(m.upper(), path, o) for path, methods in document["paths"].items() for m, o in methods.items()]
    overview = table(
        ("Operation", "", "Answers"),
        ((f"`{method} {path}`", o["summary"], ", ".join(sorted(o["responses"]))) for method, path, o in operations),
    )
    intro = (
        "What each running API answers at `/docs` and `/openapi.json`, as it is before a model serves; then the input"
        " has the fields of the contract, with their ranges and examples. Rules and limits: [](../../serving.md)."
    )
    sections = [_section(document, method, path, operation) for method, path, operation in operations]
    return "\n\n".join(["# HTTP API", intro, overview, *sections]) + "\n"


def _document() -> Json:
    with tempfile.TemporaryDirectory() as folder:
        settings = ServingSettings(
            model_name="model",
            database_url="postgresql:///",
            cache_dir=Path(folder) / "cache",
            spool_dir=Path(folder) / "spool",
        )
        return describe(create_app(settings), None)


def _section(document: Json, method: str, path: str, operation: Json) -> str:
    parts = [f"## {method} {path}", operation.get("description", "")]
    if body := operation.get("requestBody"):
        parts.append(_body(document, "Request", body))
    for status, reply in sorted(operation["responses"].items()):
        if status == "200" and "application/json" in reply.get("content", {}):
            parts.append(_body(document, "Answer", reply))
    refusals = [(status, r["description"]) for status, r in sorted(operation["responses"].items()) if status >= "400"]
    return "\n\n".join([*parts, table(("Status", "When"), refusals)])


def _body(document: Json, title: str, body: Json) -> str:
    schema = _resolve(document, body["content"]["application/json"]["schema"])
    required = schema.get("required", [])
    rows = [
        (f"`{name}`", _type(document, part), "yes" if name in required else "no", part.get("description", ""))
        for name, part in schema.get("properties", {}).items()
    ]
    return table((title, "Type", "Always there", "Meaning"), rows) if rows else ""


def _resolve(document: Json, schema: Json) -> Json:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return schema


def _type(document: Json, schema: Json) -> str:
    if "$ref" in schema:
        return schema["$ref"].rsplit("/", 1)[1]
    if "anyOf" in schema:
        return " or ".join(_type(document, option) for option in schema["anyOf"])
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{value}`" for value in schema.get("enum") or [schema["const"]])
    kind = schema.get("type", "any")
    if kind == "array":
        return f"list of {_type(document, schema.get('items', {}))}"
    return " or ".join(kind) if isinstance(kind, list) else str(schema.get("format", kind))
