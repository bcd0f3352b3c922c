"""The runbook of each DAG: its docstring, which Airflow shows on its page."""

from __future__ import annotations

import ast

from reference_pages import REPOSITORY

_TITLE = "`<use_case>_{name}`"
_OF_THE_PLATFORM = {"maintenance": "`platform_maintenance`"}


def page() -> str:
    """A section a DAG, its headings one step lower."""
    parts = ["# DAGs", "Each use case has these, made from its folder. Airflow shows the same text on the DAG's page."]
    for path in sorted((REPOSITORY / "dags").glob("*.py")):
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        if "## Purpose" in text:
            title = _OF_THE_PLATFORM.get(path.stem, _TITLE.format(name=path.stem))
            parts += [f"## {title}", "\n".join(_lower(line) for line in text.splitlines())]
    return "\n\n".join(parts) + "\n"


def _lower(line: str) -> str:
    return f"**{line.removeprefix('## ')}**" if line.startswith("## ") else line
