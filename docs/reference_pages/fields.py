"""The fields of a pydantic model in words: type and limits from its JSON schema, meaning from its source."""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import get_args, get_origin

from pydantic import BaseModel

from reference_pages.json_schema import Schema, in_words, name_of, values
from reference_pages.markdown import prose


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
    meanings, required, definitions = attribute_docs(model), schema.get("required", []), schema.get("$defs", {})
    return [
        FieldDoc(
            name=name,
            type=in_words(part, partial(_refer, definitions=definitions)),
            default="" if name in required else _default(part, definitions),
            meaning=meanings.get(name, ""),
        )
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
        for name in names:
            if isinstance(name, ast.Name) and (text := _text(following)):
                found[name.id] = prose(text)
    return found


def enum_docs(kind: type[Enum]) -> list[tuple[str, str]]:
    """Value and meaning of each member."""
    meanings = attribute_docs(kind)
    return [(str(member.value), meanings.get(member.name, "")) for member in kind]


def _text(statement: ast.stmt) -> str | None:
    """What a statement says that is a string and no more."""
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return str(statement.value.value)
    return None


def _classes(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and get_origin(annotation) is None and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _classes(part)


def _default(part: Schema, definitions: Schema) -> str:
    """As YAML has it; of a section, what differs from the defaults of its own fields."""
    default, section = part["default"], definitions.get(name_of(part), {}) if "$ref" in part else {}
    if "properties" in section:
        own = section["properties"]
        default = {name: value for name, value in default.items() if value != own[name].get("default")}
    return json.dumps(default, ensure_ascii=False)


def _refer(name: str, definitions: Schema) -> str:
    """The values of a list of words; a link to the section of anything else."""
    target = definitions[name]
    return values(target["enum"]) if "enum" in target else f"[{name}](#{name.lower()})"
