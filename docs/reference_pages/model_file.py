"""The fields of ``model.yaml``."""

from __future__ import annotations

from enum import Enum

from ml import model_config
from ml.model_config import ModelConfig
from reference_pages.fields import enum_docs
from reference_pages.markdown import prose, table
from reference_pages.yaml_file import sections


def page() -> str:
    """The configuration, what it is made of, and the words it knows."""
    words = [
        f"### {name}\n\n{prose(kind.__doc__)}\n\n"
        + table(("Value", "Meaning"), ((f"`{v}`", m) for v, m in enum_docs(kind)))
        for name, kind in sorted(vars(model_config).items())
        if isinstance(kind, type) and issubclass(kind, Enum) and kind.__module__.startswith("ml.")
    ]
    intro = (
        "How the model of a use case is trained, judged, promoted and watched. A field that is not known is refused,"
        " with its place. What it all does: [training](../../training.md), [the learning loop](../../learning_loop.md),"
        " [drift](../../drift.md)."
    )
    return "\n\n".join(["# model.yaml", intro, sections(ModelConfig), "## Words", *words]) + "\n"
