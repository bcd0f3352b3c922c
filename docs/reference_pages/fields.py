"""The fields of a pydantic model in words: type and limits from its JSON schema, meaning from its source."""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from reference_pages.markdown import prose

Schema = dict[str, Any]
_LIMITS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
_NAMES = {"path": "path", "password": "secret", "date": "date"}


@dataclass(frozen=True)
class FieldDoc:
    """One field as a person is told of it."""

    name: str
    type: str
    default: str
    """As it is written in YAML; empty where the field is required."""
    meaning: str


def fields_of(model: type[BaseModel]) -> list[FieldDoc]:
    """All fields, in the order of the source."""
    schema = model.model_json_schema()
    meanings, required = attribute_docs(model), schema.get("required", [])
    return [
        FieldDoc(name, _type(part, schema), "" if name in required else _default(part, schema), meanings.get(name, ""))
        for name, part in schema["properties"].items()
    ]


def models_below(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """The model, and those that its fields are made of, each once, in the order of their first use."""
    seen: list[type[BaseModel]] = []

    def visit(kind: type[BaseModel]) -> None:
        if kind not in seen:
            seen.append(kind)
            for field in kind.model_fields.values():
                for part in _classes(field.annotation):
                    visit(part)

    visit(model)
    return iter(seen)


def attribute_docs(kind: type) -> dict[str, str]:
    """The string below each attribute of a class, in Markdown."""
    (body,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    assert isinstance(body, ast.ClassDef)
    found: dict[str, str] = {}
    for statement, following in zip(body.body, body.body[1:], strict=False):
        names = [statement.target] if isinstance(statement, ast.AnnAssign) else getattr(statement, "targets", [])
        text = following.value.value if _is_text(following) else None
        for name in names:
            if isinstance(name, ast.Name) and text:
                found[name.id] = prose(text)
    return found


def enum_docs(kind: type[Enum]) -> list[tuple[str, str]]:
    """Value and meaning of each member."""
    meanings = attribute_docs(kind)
    return [(str(member.value), meanings.get(member.name, "")) for member in kind]


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _classes(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and get_origin(annotation) is None and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _classes(part)


def _default(part: Schema, root: Schema) -> str:
    """As YAML has it; a section's own default is that of its fields."""
    of_section = "$ref" in part and "properties" in root["$defs"][part["$ref"].rsplit("/", 1)[1]]
    if of_section:
        changed = {k: v for k, v in part["default"].items() if v != _own_default(part, k, root)}
        return json.dumps(changed, ensure_ascii=False) if changed else "{}"
    return json.dumps(part["default"], ensure_ascii=False)


def _own_default(part: Schema, name: str, root: Schema) -> object:
    return root["$defs"][part["$ref"].rsplit("/", 1)[1]]["properties"][name].get("default")


def _type(part: Schema, root: Schema) -> str:
    if "$ref" in part:
        name = part["$ref"].rsplit("/", 1)[1]
        target = root["$defs"][name]
        return _values(target["enum"]) if "enum" in target else f"[{name}](#{name.lower()})"
    if "anyOf" in part or "oneOf" in part:
        return " or ".join(dict.fromkeys(_type(option, root) for option in part.get("anyOf") or part["oneOf"]))
    if "enum" in part or "const" in part:
        return _values(part.get("enum") or [part["const"]])
    if part.get("type") == "array":
        items = part.get("items") or next(iter(part.get("prefixItems", [])), {})
        return f"list of {_type(items, root)}"
    if part.get("type") == "object" and isinstance(part.get("additionalProperties"), dict):
        return f"names, each with {_type(part['additionalProperties'], root)}"
    kind = _NAMES.get(part.get("format", ""), str(part.get("type", "any")))
    limits = [f"{sign} {part[key]:g}" for key, sign in _LIMITS.items() if key in part]
    return " ".join([kind, *limits])


def _values(values: list[object]) -> str:
    return ", ".join(f"`{value}`" for value in values)
