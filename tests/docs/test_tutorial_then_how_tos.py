"""The how-tos' commands, typed where the tutorial left off: its use case stands in for the one that they name."""

from __future__ import annotations

import json
import re

import pytest

from tests.conftest import REPOSITORY
from tests.docs.typed import script

pytestmark = [pytest.mark.stack, pytest.mark.timeout(1200)]

HOW_TO = REPOSITORY / "docs" / "how_to"
# In an order in which each finds what it speaks of: training makes the versions that others promote.
TYPED = ["load_data", "train", "promote", "challenger", "score", "late_labels", "drift_alarm", "evidence", "use_case"]
ELSEWHERE = {
    "access": "tests/serving/test_guard_keys.py makes keys",
    "backup": "tests/compose/test_backup.py; it would stop the stack under the other tests",
    "move": "shows no command of its own",
    "upgrade": "needs a newer commit",
    "watch": "tests/observability",
    "index": "starts a container",
    "look": "shows no command; tests of the page",
}
WORDS = {
    "bank_marketing": "tissue",
    "bank-model": "tissue-model",
    "lightgbm": "linear",
    "path/to/bank-full.csv": "samples.csv",
    "path/to/clients.csv": "samples.csv",
    '"yes"': '"malignant"',
}
# Exit code 3 is an answer: the gate stays closed, a column drifted.
_PRELUDE = 'export PATH="$PWD/.venv/bin:$PATH"; mlp() { command mlp "$@" || [ $? -eq 3 ]; }'
_ID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")


def test_each_how_to_is_typed_or_tested_elsewhere():
    assert {page.stem for page in HOW_TO.glob("*.md")} == {*TYPED, *ELSEWHERE}


@pytest.mark.parametrize("page", TYPED)
def test_the_commands_of_the_how_to_do_what_they_should(newcomer, page):
    own_id = json.loads((newcomer.folder / "answer.json").read_text())["inference_id"]
    text = script(newcomer.folder / "docs" / "how_to" / f"{page}.md", ports={})
    for shown, own in WORDS.items():
        text = text.replace(shown, own)
    text = _ID.sub(own_id, text).replace("http://127.0.0.1:8000", newcomer.api)

    done = newcomer.type(f"{_PRELUDE}\n{text}")

    assert done.returncode == 0, done.stdout[-4000:]
