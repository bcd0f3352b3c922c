"""The variables of the environment that the platform and its API read."""

from __future__ import annotations

from pydantic_settings import BaseSettings

from ml.settings import Settings
from reference_pages.fields import fields_of
from reference_pages.markdown import code, prose, table
from serving.settings import ServingSettings

_HEADER = ("Variable", "Type", "Default", "Meaning")


def page() -> str:
    """Two tables: ``ML_…`` and ``SERVING_…``."""
    return "\n\n".join(
        [
            "# Settings",
            "Made from `ml/settings.py` and `serving/settings.py`. What the embedded stack itself is told is in"
            " [](../embedded.md), what the containers are told in [](../env.md).",
            "## Of tasks and commands",
            _table(Settings),
            "`ML_LANDING_DIR` names a folder for landing files, in it one a use case, where those of the use cases"
            " are read-only; by default each has its `landing/`.",
            "## Of the API",
            _table(ServingSettings),
        ]
    )


def _table(settings: type[BaseSettings]) -> str:
    prefix = str(settings.model_config["env_prefix"])
    rows = [
        (f"`{prefix}{field.name.upper()}`", field.type, _shown(field.default), field.meaning)
        for field in fields_of(settings)
    ]
    return f"{prose(settings.__doc__)}\n\n{table(_HEADER, rows)}"


def _shown(default: str) -> str:
    """A default as a shell has it."""
    return {"": "required", "null": "none", '""': "none"}.get(default) or code(default.strip('"'))
