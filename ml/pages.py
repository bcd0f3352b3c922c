"""The pages and texts that people read, made from the templates in ``ml/templates``; each page is one file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template, select_autoescape


def page_template(name: str, **filters: Callable[[Any], object]) -> Template:
    """A template of ``ml/templates`` by its file name, with filters of its own."""
    return page_environment("ml", **filters).get_template(name)


def page_environment(package: str, **filters: Callable[[Any], object]) -> Environment:
    """For the templates of a package. HTML is escaped, and a name without a value is an error."""
    environment = Environment(
        loader=PackageLoader(package),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(filters)
    return environment
