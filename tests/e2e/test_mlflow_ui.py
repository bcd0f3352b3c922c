"""A person promotes versions in MLflow's own pages, by alias and by stage; the API follows each time."""

import os
import subprocess
import sys
from urllib.parse import quote

import httpx
import pytest
from mlflow import MlflowClient

from ml.registry import promote
from ml.store import connect
from ml.use_case import load_use_case
from tests.browser import chromium, in_a_browser
from tests.conftest import REPOSITORY
from tests.faults.versions import Versions
from tests.serving.fakes import serving_settings
from tests.serving.process import running, until, version

MODEL = "promoted in pages"
SWAP_SECONDS = 10

pytestmark = in_a_browser


@pytest.fixture
def page():
    with chromium() as browser:
        yield browser.new_page(viewport={"width": 1280, "height": 900})


@pytest.fixture
def versions(mlflow_settings, tmp_path):
    """Three versions, the first promoted as `mlp promote` does."""
    mlflow = MlflowClient(mlflow_settings.mlflow_tracking_uri, mlflow_settings.mlflow_tracking_uri)
    contract = load_use_case(REPOSITORY / "tests" / "use_cases", "customer_churn").contract
    versions = Versions(mlflow, MODEL, contract, tmp_path)
    for _ in range(3):
        versions.register()
    promote(mlflow_settings, MODEL, "1", stage="Production", actor="test", source="cli", why="the first")
    return versions


@pytest.fixture
def registry_sync(mlflow_settings, versions, tmp_path):
    """What keeps alias, stage and ledger in step, as the stack runs it."""
    environment = {
        **os.environ,
        "ML_DATABASE_URL": mlflow_settings.database_url,
        "ML_MLFLOW_TRACKING_URI": mlflow_settings.mlflow_tracking_uri,
        "ML_USE_CASES_DIR": str(mlflow_settings.use_cases_dir),
        "ML_STATE_DIR": str(mlflow_settings.state_dir),
    }
    command = [sys.executable, "-m", "ml.cli", "registry-sync", "--every", "1"]
    with (tmp_path / "sync.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=log, stderr=subprocess.STDOUT)
    yield
    process.terminate()
    process.wait(30)


@pytest.fixture
def api(mlflow_settings, serving_database_url, versions, registry_sync, tmp_path):
    changed = {"model_name": MODEL, "mlflow_tracking_uri": mlflow_settings.mlflow_tracking_uri, "poll_seconds": 2}
    settings = serving_settings(tmp_path, serving_database_url).model_copy(update=changed)
    with running(settings, tmp_path / "log") as url:
        until(lambda: version(url) == "1", 30)
        yield url


def open_version(page, address, number):
    page.goto(f"{address}/#/models/{quote(MODEL)}/versions/{number}")
    page.get_by_text(f"Version {number}", exact=True).first.wait_for()


def promote_by_alias(page, address, number):
    open_version(page, address, number)
    page.get_by_title("Add aliases").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("combobox").fill("production")
    page.keyboard.press("Enter")
    dialog.get_by_role("button", name="Save aliases").click()
    dialog.wait_for(state="hidden")


def promote_by_stage(page, address, number):
    open_version(page, address, number)
    page.get_by_role("switch", name="New model registry UI").click()
    page.get_by_role("dialog").get_by_role("button", name="Disable").click()
    page.get_by_text("None", exact=True).first.click()
    page.get_by_role("menuitem").filter(has_text="Production").click()
    page.get_by_role("dialog").filter(has_text="Stage transition").get_by_role("button", name="OK").click()


def ledger(settings):
    with connect(settings.database_url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT to_version, source FROM ml.promotions WHERE model_name = %s ORDER BY id", (MODEL,))
        return cursor.fetchall()


def standing(settings, number):
    """Aliases and stage of a version."""
    found = MlflowClient(settings.mlflow_tracking_uri, settings.mlflow_tracking_uri).get_model_version(MODEL, number)
    return found.aliases, found.current_stage


def test_the_api_follows_what_is_promoted_in_mlflows_pages_by_alias_and_by_stage(page, api, mlflow_settings, versions):
    seconds = []
    for promoted, number in ((promote_by_alias, "2"), (promote_by_stage, "3")):
        promoted(page, mlflow_settings.mlflow_tracking_uri, number)
        seconds.append(until(lambda number=number: serves(api) == number, SWAP_SECONDS))
        until(lambda number=number: ledger(mlflow_settings)[-1][0] == number, SWAP_SECONDS)
        until(lambda number=number: standing(mlflow_settings, number) == (["production"], "Production"), SWAP_SECONDS)
    print(f"\nPromoted in MLflow's pages, /v1/model follows: by alias {seconds[0]:.1f} s, by stage {seconds[1]:.1f} s")
    assert ledger(mlflow_settings) == [("1", "cli"), ("2", "alias"), ("3", "stage")]


def serves(api):
    return httpx.get(f"{api}/v1/model").json()["model_version"]
