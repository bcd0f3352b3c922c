"""The HTTP interface, from the document that the service itself answers with."""

from __future__ import annotations

import tempfile
from pathlib import Path

from reference_pages.json_schema import Schema, in_words, name_of
from reference_pages.markdown import table
from serving.app import create_app
from serving.openapi import describe
from serving.settings import ServingSettings


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
        " has the fields of the contract, with their ranges and examples. Its rules: [serving](../../serving.md)."
    )
    sections = [_section(document, method, path, operation) for method, path, operation in operations]
    return "\n\n".join(["# HTTP API", intro, overview, *sections]) + "\n"


def _document() -> Schema:
    with tempfile.TemporaryDirectory() as folder:
        settings = ServingSettings(
            model_name="model",
            database_url="postgresql:///",
            cache_dir=Path(folder) / "cache",
            spool_dir=Path(folder) / "spool",
        )
        return describe(create_app(settings), None)


def _section(document: Schema, method: str, path: str, operation: Schema) -> str:
    parts = [f"## {method} {path}", operation.get("description", "")]
    if body := operation.get("requestBody"):
        parts.append(_body(document, "Request", body))
    for status, reply in sorted(operation["responses"].items()):
        if status == "200" and "application/json" in reply.get("content", {}):
            parts.append(_body(document, "Answer", reply))
    refusals = [(status, r["description"]) for status, r in sorted(operation["responses"].items()) if status >= "400"]
    return "\n\n".join([*parts, table(("Status", "When"), refusals)])


def _body(document: Schema, title: str, body: Schema) -> str:
    schema = _resolve(document, body["content"]["application/json"]["schema"])
    required = schema.get("required", [])
    rows = [
        (f"`{name}`", in_words(part, str), "yes" if name in required else "no", part.get("description", ""))
        for name, part in schema.get("properties", {}).items()
    ]
    return table((title, "Type", "Always there", "Meaning"), rows) if rows else ""


def _resolve(document: Schema, schema: Schema) -> Schema:
    while "$ref" in schema:
        schema = document["components"]["schemas"][name_of(schema)]
    return schema
