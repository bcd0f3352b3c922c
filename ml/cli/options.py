"""Options that several commands share, and what they stand for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ml.errors import ConfigError

if TYPE_CHECKING:
    from ml.settings import Settings
    from ml.use_case import UseCase

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text for people.")
use_case_option = click.option("--use-case", "name", help="Folder of the use case; may be left out where there is one.")
use_cases_option = click.option(
    "--use-cases",
    "folder",
    type=click.Path(path_type=Path),
    envvar="ML_USE_CASES_DIR",
    default=Path("data"),
    show_default=True,
    help="The folder that holds them.",
)
model_option = click.option("--model-name", required=True, help="Name of the registered model.")


def settings() -> Settings:
    """Settings from the environment, into which the embedded stack puts its addresses where there are none yet.

    Raises :class:`ConfigError` naming the variables that are missing or wrong.
    """
    from pydantic import ValidationError

    from ml.settings import Settings

    context = click.get_current_context()
    if context.obj and "ML_DATABASE_URL" not in os.environ:
        context.obj()
    try:
        return Settings()
    except ValidationError as error:
        names = ", ".join(f"ML_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors())
        raise ConfigError(f"{names}. The environment says where the platform is; see the settings' page.") from error


def use_case(name: str | None, folder: Path | None = None) -> UseCase:
    """The use case of that name, or the only one, in a folder, by default that of the settings.

    Raises :class:`ConfigError` where that is not clear.
    """
    from ml.use_case import discover, load_use_case

    folder = folder or settings().use_cases_dir
    if name:
        return load_use_case(folder, name)
    found = discover(folder)
    if len(found) != 1:
        raise ConfigError(
            f"Say which use case: --use-case {' | '.join(u.name for u in found) or f'(none in {folder})'}"
        )
    return found[0]


def optional_path(value: str | None) -> Path | None:
    """The path of an option; empty means not given, as the Makefile passes what is not set."""
    return Path(value) if value else None
