"""A file of a use case's folder: its sections and their fields."""

from __future__ import annotations

from pydantic import BaseModel

from reference_pages.fields import fields_of, models_below
from reference_pages.markdown import code, prose, table

_HEADER = ("Field", "Type", "Default", "Meaning")


def sections(root: type[BaseModel]) -> str:
    """A section for the model and for each that it is made of."""
    return "\n\n".join(_section(model) for model in models_below(root))


def _section(model: type[BaseModel]) -> str:
    documented = fields_of(model)
    with_meaning = any(field.meaning for field in documented)
    rows = [
        (f"`{field.name}`", field.type, code(field.default) or "required", *([field.meaning] if with_meaning else []))
        for field in documented
    ]
    header = _HEADER if with_meaning else _HEADER[:-1]
    return f"## {model.__name__}\n\n{prose(model.__doc__)}\n\n{table(header, rows)}"
