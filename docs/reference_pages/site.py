"""All pages that are made, and the folder they go to."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from reference_pages import api, contract_file, dags, make_targets, model_file, settings, tables

_PAGES: dict[str, Callable[[], str]] = {
    "settings": settings.page,
    "contract_yaml": contract_file.page,
    "model_yaml": model_file.page,
    "api": api.page,
    "dags": dags.page,
    "tables": tables.page,
    "make_targets": make_targets.page,
}


def write_all(folder: Path) -> None:
    """Write each page into ``folder``, in place of what was there; a page that is the same keeps its time."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in _PAGES.items():
        path, text = folder / f"{name}.md", make()
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    for path in folder.iterdir():
        if path.stem not in _PAGES:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
