"""The newcomer's path: the tutorial's commands, in order, on a fresh clone and in an empty environment.

Then its pages in a browser, and the how-tos' commands, for which the tutorial's use case stands in. The pictures go to
the test's own folder, or, where ``SCREENSHOTS`` names one, there: `make screenshots`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from stack.airflow_api import AirflowApi
from tests.browser import chromium, in_a_browser, log_in
from tests.conftest import REPOSITORY
from tests.docs.newcomer import Newcomer, newcomer_in
from tests.docs.typed import script

pytestmark = [pytest.mark.stack, pytest.mark.timeout(1200)]

SAMPLE = {
    "mean radius": 12.4, "mean texture": 14.2, "mean smoothness": 0.09, "mean concavity": 0.02,
    "worst area": 560, "worst symmetry": 0.25,
}  # fmt: skip


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
SIZE = {"width": 1280, "height": 800}


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Newcomer]:
    """The tutorial was typed, without a mistake."""
    with newcomer_in(tmp_path_factory.mktemp("newcomer") / "ml-platform") as found:
        yield found


def test_a_new_use_case_is_trained_promoted_and_served(newcomer):
    model = httpx.get(f"{newcomer.api}/v1/model", trust_env=False).json()
    answer = httpx.post(f"{newcomer.api}/predict", json={"input": SAMPLE}, trust_env=False).json()

    assert (model["use_case"], model["model_name"], model["model_version"]) == ("tissue", "tissue-model", "1")
    assert model["metrics"]["roc_auc"] > 0.9
    assert (answer["class"], answer["model_version"]) == (0, "1")


def test_the_newcomers_own_prediction_was_of_the_positive_class(newcomer):
    answer = json.loads((newcomer.folder / "answer.json").read_text())

    assert (answer["class"], answer["model_version"], answer["warnings"]) == (1, "1", [])


def test_the_dags_of_the_new_use_case_appear(newcomer):
    airflow = AirflowApi(f"http://127.0.0.1:{newcomer.environment['ML_AIRFLOW_PORT']}", "admin", "admin")
    for name in ("ingest", "validate", "train", "promote", "score", "drift", "outcomes"):
        airflow.wait_for_dag(f"tissue_{name}")
    airflow.close()


def test_the_tutorial_leaves_nothing_that_git_would_commit_but_the_use_case(newcomer):
    new = newcomer.type("git status --porcelain --untracked-files=all").stdout.split()[1::2]

    assert sorted(new) == [
        "answer.json", "data/tissue/contract.yaml", "data/tissue/model.yaml", "more.csv", "samples.csv",
    ]  # fmt: skip


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with chromium() as browser:
        yield browser.new_page(viewport=SIZE)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def airflow(page: Page, newcomer) -> str:
    """Its address, once somebody is logged in."""
    address = f"http://127.0.0.1:{newcomer.environment['ML_AIRFLOW_PORT']}"
    log_in(page, address)
    return address


@pytest.fixture
def take(page: Page, tmp_path: Path) -> Callable[[str], None]:
    """Takes a picture of the page once it has settled."""

    def take(name: str) -> None:
        page.wait_for_timeout(1_500)
        page.screenshot(path=Path(os.environ.get("SCREENSHOTS") or tmp_path) / name)

    return take


@in_a_browser
def test_the_training_has_a_form_with_the_use_cases_own_candidates(page, airflow, take):
    page.goto(f"{airflow}/dags/tissue_train")
    page.get_by_role("button", name="Trigger").first.click()

    expect(page.get_by_text("linear (LogisticRegression)")).to_be_visible(timeout=30_000)
    take("tutorial_train.png")


@in_a_browser
def test_mlflow_shows_the_version_with_its_alias(page, newcomer, take):
    page.goto(f"http://127.0.0.1:{newcomer.environment['ML_MLFLOW_PORT']}/#/models/tissue-model")

    expect(page.get_by_text("Version 1").first).to_be_visible(timeout=60_000)
    greeting = page.get_by_role("button", name="Close")  # of MLflow's assistant, which opens by itself
    if greeting.count():
        greeting.first.click()
    expect(page.get_by_text("production").first).to_be_visible()
    take("tutorial_version.png")


@in_a_browser
def test_the_api_documents_the_contract(page, newcomer, take):
    page.goto(f"{newcomer.api}/docs")
    page.locator("[data-path='/v1/predict']").first.click()

    expect(page.get_by_text("Mean radius of the nuclei").first).to_be_visible(timeout=30_000)
    take("tutorial_api.png")


@in_a_browser
def test_the_platforms_page_shows_the_promotion_with_its_reason(page, airflow, take):
    page.goto(airflow)
    page.get_by_role("link", name="Platform").first.click()
    frame = page.frame_locator("iframe[title='Platform']")
    frame.get_by_role("link", name="Tissue samples").click()

    expect(frame.get_by_role("heading", level=1, name="Tissue samples")).to_be_visible()
    expect(frame.get_by_text("first model of the tutorial").first).to_be_attached()
    take("tutorial_page.png")


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
