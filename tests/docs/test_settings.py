"""No variable of the environment is a secret of the code."""

from __future__ import annotations

import re

from tests.conftest import REPOSITORY

_VARIABLE = re.compile(r"""["'`]((?:ML|SERVING)_[A-Z][A-Z_]{3,})\b""")
_CODE = ("ml", "stack", "plugins", "dags", "serving")


def variables() -> dict[str, str]:
    """Each that the code names, with a file that does."""
    found = {}
    for folder in _CODE:
        for path in sorted((REPOSITORY / folder).rglob("*.py")):
            found |= dict.fromkeys(_VARIABLE.findall(path.read_text(encoding="utf-8")), str(path))
    return found


def test_every_variable_that_the_code_reads_is_in_the_reference():
    from reference_pages import settings

    reference = settings.page() + (REPOSITORY / "docs" / "reference" / "embedded.md").read_text()
    reference += (REPOSITORY / "docs" / "reference" / "env.md").read_text() + (REPOSITORY / ".env.example").read_text()
    used = variables()

    assert "ML_DATABASE_URL" in used
    assert {name: path for name, path in used.items() if name not in reference} == {}
