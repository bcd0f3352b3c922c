"""The type that a JSON schema describes, in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Schema = dict[str, Any]
_LIMITS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
_FORMATS = {"password": "secret"}


def in_words(schema: Schema, refer: Callable[[str], str]) -> str:
    """Such as ``integer ≥ 1 or null``; ``refer`` says what stands for a schema that has a name."""
    if "$ref" in schema:
        return refer(name_of(schema))
    if options := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(dict.fromkeys(in_words(option, refer) for option in options))
    if "enum" in schema or "const" in schema:
        return values(schema.get("enum") or [schema["const"]])
    kind = schema.get("type", "any")
    if kind == "array":
        items: Schema = schema.get("items") or next(iter(schema.get("prefixItems", [])), {})
        return f"list of {in_words(items, refer)}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"names, each with {in_words(schema['additionalProperties'], refer)}"
    return " or ".join(kind) if isinstance(kind, list) else _limited(schema, kind)


def _limited(schema: Schema, kind: str) -> str:
    limits = [f"{sign} {schema[key]:g}" for key, sign in _LIMITS.items() if key in schema]
    form = str(schema.get("format", kind))
    return " ".join([_FORMATS.get(form, form), *limits])


def name_of(schema: Schema) -> str:
    """The name behind a ``$ref``."""
    return str(schema["$ref"]).rsplit("/", 1)[1]


def values(allowed: Sequence[object]) -> str:
    """Each as code."""
    return ", ".join(f"`{value}`" for value in allowed)
