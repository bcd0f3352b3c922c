"""Takes the README's pictures from the running stack: `make screenshots`, after `make demo`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from playwright.sync_api import Page

from tests.browser import chromium, log_in

IMAGES = Path(__file__).parent / "images"
SIZE = {"width": 1280, "height": 800}


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
    with chromium() as browser:
        page = browser.new_page(viewport=SIZE)  # type: ignore[arg-type]
        airflow(page, urls["airflow"], "bank_marketing")
        mlflow(page, urls["mlflow"], "bank-model")
        api(page, urls["serving"])


if __name__ == "__main__":
    main(*sys.argv[1:])
