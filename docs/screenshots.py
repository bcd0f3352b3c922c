"""Takes the README's pictures from the running stack: `make screenshots`, after `make demo`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

IMAGES = Path(__file__).parent / "images"
SIZE = {"width": 1280, "height": 800}
# Nothing but the pages themselves: the browser's own calls home are off.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def log_in(page: Page, airflow: str) -> None:
    """Through Airflow's own form, with the login of the embedded demo."""
    page.goto(f"{airflow}/auth/login")
    page.fill("input[name=username]", "admin")
    page.fill("input[name=password]", "admin")
    page.click("button[type=submit]")
    page.wait_for_url(lambda url: "/login" not in url)


def take(page: Page, name: str, wait_for: str) -> None:
    """The page as it is, once the text that matters is there."""
    page.get_by_text(wait_for, exact=False).first.wait_for(timeout=60_000)
    page.wait_for_timeout(2_000)  # charts and fonts settle
    page.screenshot(path=IMAGES / name)
    print(f"{IMAGES / name}  {page.url}")


def airflow(page: Page, url: str, use_case: str) -> None:
    """The graph of the drift DAG, with its last run."""
    log_in(page, url)
    page.goto(f"{url}/dags/{use_case}_drift/runs")
    page.locator("a[href*='/runs/']").first.click()
    page.get_by_role("button", name="graph").first.click()
    take(page, "airflow.png", "start_training")


def mlflow(page: Page, url: str, model: str) -> None:
    """The versions of the model."""
    page.goto(f"{url}/#/models/{model}")
    page.get_by_text("Version 1", exact=False).first.wait_for(timeout=60_000)
    for _ in range(3):  # what greets newcomers
        page.keyboard.press("Escape")
        closer = page.get_by_role("button", name="Close")
        if closer.count():
            closer.first.click()
        page.wait_for_timeout(500)
    take(page, "mlflow.png", model)


def api(page: Page, url: str) -> None:
    """The docs of the API, with the fields that it takes."""
    page.goto(f"{url}/docs")
    page.locator("[data-path='/predict']").first.click()
    take(page, "api.png", "Example Value")


def main(summary_file: str = ".local/summary.json") -> None:
    """Pictures of the graph of a DAG, the registry and the API's docs."""
    urls = json.loads(Path(summary_file).read_text())["urls"]
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=list(FLAGS))
        page = browser.new_page(viewport=SIZE)  # type: ignore[arg-type]
        airflow(page, urls["airflow"], "bank_marketing")
        mlflow(page, urls["mlflow"], "bank-model")
        api(page, urls["serving"])
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
