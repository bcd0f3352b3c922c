"""A person logs in to Airflow and looks at the platform's page: with a month of history, and with none.

The pictures go to the test's own folder, or, where ``SCREENSHOTS`` names one, there: `make screenshots`.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from ml import store
from ml.samples.profile_schema import load_profile
from ml.samples.sample import render_sample
from ml.use_case import load_use_case
from stack.airflow_api import AirflowApi, DagRun
from stack.postgres import Postgres
from tests.browser import chromium, in_a_browser, log_in
from tests.conftest import REPOSITORY
from tests.e2e.conftest import BANK, CHURN, Stack, free_ports
from tests.overview_history import History, seed

SIZE = {"width": 1440, "height": 900}

pytestmark = [pytest.mark.stack, in_a_browser]


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """A stack of two use cases: one with a month of history and a file that was really ingested, one with nothing."""
    folder = tmp_path_factory.mktemp("page")
    left_out = shutil.ignore_patterns("*.py", "__pycache__", "*.csv")
    shutil.copytree(REPOSITORY / "data" / BANK, folder / "use_cases" / BANK, ignore=left_out)
    shutil.copytree(REPOSITORY / "tests" / "use_cases" / CHURN, folder / "use_cases" / CHURN, ignore=left_out)
    airflow, mlflow, serving = free_ports(3)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("ML_", "COV_"))} | {
        "ML_STATE_DIR": str(folder / "state"),
        "ML_USE_CASES_DIR": str(folder / "use_cases"),
        "ML_AIRFLOW_PORT": str(airflow),
        "ML_MLFLOW_PORT": str(mlflow),
        "ML_SERVING_PORT": str(serving),
    }
    booted = Stack(folder, environment)
    try:
        up = booted.run("up")
        assert up.returncode == 0, up.stdout + up.stderr
        yield booted
        booted.airflow.close()
    finally:
        assert booted.run("down").returncode == 0


def database_url(stack: Stack) -> str:
    return Postgres(data=stack.state / "postgres" / "data", log=stack.state / "log").url("ml", "ml_platform")


@pytest.fixture(scope="module")
def run(stack: Stack) -> DagRun:
    """The history, and then a run of the DAG ``ingest`` that loads a file, which is validated after it."""
    use_case = load_use_case(stack.folder / "use_cases", BANK)
    today = dt.datetime.now(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    names = tuple(column.name for column in use_case.model_features)
    seed(database_url(stack), History(columns=len(names), names=names, until=today))
    use_case.landing.mkdir(exist_ok=True)
    sample = render_sample(use_case.contract, load_profile(use_case), seed=42)
    (use_case.landing / "calls.csv").write_bytes(b"".join(sample.splitlines(keepends=True)[:1401]))
    airflow: AirflowApi = stack.airflow
    airflow.wait_for_dag(f"{BANK}_ingest")
    airflow.wait_for_dag(f"{BANK}_validate")
    started = airflow.trigger(f"{BANK}_ingest", {})
    airflow.succeed(started)
    airflow.succeed(airflow.caused_by(started, f"{BANK}_validate"))
    return started


@pytest.fixture(scope="module")
def browser():
    with chromium() as launched:
        yield launched


def logged_in(browser: Browser, stack: Stack, scheme: str = "light") -> Page:
    page = browser.new_context(viewport=SIZE, color_scheme=scheme).new_page()
    log_in(page, stack.airflow.url)
    return page


@pytest.fixture
def page(browser: Browser, stack: Stack):
    page = logged_in(browser, stack)
    yield page
    page.context.close()


def open_use_case(page: Page, title: str):
    """From the navigation, by the list of use cases; the frame in which Airflow shows it."""
    page.get_by_role("link", name="Platform").first.click()
    frame = page.frame_locator("iframe[title='Platform']")
    frame.get_by_role("link", name=title).click()
    expect(frame.get_by_role("heading", level=1, name=title)).to_be_visible()
    return frame


def picture(tmp_path: Path, name: str) -> Path:
    folder = Path(os.environ.get("SCREENSHOTS") or tmp_path)
    return folder / name


def title_of(name: str) -> str:
    folder = REPOSITORY / ("data" if name == BANK else "tests/use_cases")
    return load_use_case(folder, name).contract.title


def test_with_none_the_page_says_what_to_do_and_leads_there(page, stack):
    frame = open_use_case(page, title_of(CHURN))

    expect(frame.get_by_text("Nothing has happened yet")).to_be_visible()
    frame.get_by_role("link", name=f"{CHURN}_ingest").first.click()

    page.wait_for_url(f"**/dags/{CHURN}_ingest")


def test_with_a_month_of_history_all_of_it_is_there_and_its_links_lead_where_they_say(page, stack, run):
    frame = open_use_case(page, title_of(BANK))
    for heading in ("Pipeline", "Data quality", "Drift", "Live performance", "Serving", "Promotions"):
        expect(frame.get_by_role("heading", name=heading, exact=True)).to_be_visible()
    expect(frame.locator("#runs table .failed").first).to_be_visible()
    expect(frame.locator(".heat td.confirmed").first).to_be_visible()
    expect(frame.locator("#performance polyline").first).to_be_visible()

    with page.context.expect_page() as opened:
        frame.locator(".cards").get_by_role("link", name=re.compile("version")).first.click()
    assert re.search(r"/#/models/bank-model/versions/\d+$", opened.value.url)
    assert opened.value.url.startswith(f"http://127.0.0.1:{stack.environment['ML_MLFLOW_PORT']}/")
    opened.value.close()

    with page.context.expect_page() as opened:
        frame.locator("#data").get_by_role("row", name=re.compile(r"^calls\.csv")).get_by_role(
            "link", name="report"
        ).click()
    expect(opened.value.get_by_role("heading", name="calls.csv")).to_be_visible()
    opened.value.close()

    frame.locator("#runs").get_by_role("row", name=re.compile("^ingest")).locator(".ticks a").last.click()
    page.wait_for_url(lambda url: f"/dags/{BANK}_ingest/runs/" in url)
    expect(page.get_by_text("report_rejected").first).to_be_visible()


def test_another_period_is_a_click_away_and_airflow_keeps_its_address(page, stack, run):
    frame = open_use_case(page, title_of(BANK))

    frame.get_by_role("link", name="365 days").click()

    expect(frame.get_by_text("By week of ingestion, 365 days")).to_be_visible()
    assert "days=365" in page.url
    page.reload()
    expect(frame.get_by_text("By week of ingestion, 365 days")).to_be_visible()


def test_the_page_stands_beside_each_dag_and_each_run(page, stack, run):
    page.goto(f"{stack.airflow.url}/dags/{BANK}_drift")
    page.get_by_role("link", name="Platform").last.click()
    frame = page.frame_locator("iframe[title='Platform']")
    expect(frame.get_by_role("heading", name="Drift", exact=True)).to_be_visible()

    page.goto(f"{stack.airflow.url}/dags/{BANK}_ingest/runs/{run.run_id}/plugin/platform-run")
    expect(frame.get_by_role("row", name=re.compile("load"))).to_be_visible()
    expect(frame.get_by_role("row", name=re.compile(r"^calls\.csv"))).to_be_visible()


def test_a_prediction_is_traced_by_its_id(page, stack, run, tmp_path):
    with store.connect(database_url(stack)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT inference_id::text FROM ml.inference_logs ORDER BY timestamp DESC LIMIT 1")
        ((inference_id,),) = cursor.fetchall()
    frame = open_use_case(page, title_of(BANK))
    frame.get_by_role("link", name="Lineage of a prediction").click()

    frame.get_by_label("Id of a prediction").fill(inference_id)
    frame.get_by_role("button", name="Trace it").click()

    expect(frame.get_by_role("heading", name="Training")).to_be_visible()
    expect(frame.get_by_text("Files of the snapshot")).to_be_visible()
    page.screenshot(path=picture(tmp_path, "lineage.png"))


def test_the_keyboard_reaches_everything(page, stack, run):
    page.goto(f"{stack.airflow.url}/platform/use-cases/{BANK}")
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"

    links = page.locator("main a:visible, main summary:visible").count()
    seen = []
    for _ in range(links):
        page.keyboard.press("Tab")
        seen.append(focused(page))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid", "focus can be seen"

    assert "90 days" in seen
    assert any(text.startswith("version") for text in seen)
    assert any(re.match(r"\d+ \w+: drift", text) for text in seen), "a check with drift, by its words"
    assert "The figures" in seen


def focused(page: Page) -> str:
    return page.evaluate(
        "(document.activeElement.getAttribute('aria-label') || document.activeElement.textContent).trim()"
    )


@pytest.mark.parametrize(("scheme", "name"), [("light", "platform_page.png"), ("dark", "platform_page_dark.png")])
def test_the_page_is_light_or_dark_as_airflow_is(browser, stack, run, tmp_path, scheme, name):
    page = logged_in(browser, stack, scheme)
    frame = open_use_case(page, title_of(BANK))

    root = frame.locator("html")
    expect(root).to_have_attribute("data-theme", scheme)
    background = frame.locator("body").evaluate("e => getComputedStyle(e).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", background)[:3])) < 150) == (scheme == "dark")
    page.set_viewport_size({"width": 1440, "height": 1540})
    page.wait_for_timeout(500)
    page.screenshot(path=picture(tmp_path, name))
    page.context.close()


def test_without_a_login_the_browser_is_told_to_log_in(browser, stack):
    page = browser.new_context().new_page()

    answer = page.goto(f"{stack.airflow.url}/platform/use-cases/{BANK}")

    assert answer.status == 401
    expect(page.get_by_text("Log in to Airflow")).to_be_visible()
    page.context.close()
