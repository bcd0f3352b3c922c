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


def take(page: Page, address: str, name: str, wait_for: str) -> None:
    """One page, once the text that matters is there."""
    page.goto(address)
    page.get_by_text(wait_for, exact=False).first.wait_for(timeout=60_000)
    page.wait_for_timeout(1_500)  # charts and fonts settle
    page.screenshot(path=IMAGES / name)
    print(f"{IMAGES / name}  {address}")


def main(summary_file: str = ".local/summary.json") -> None:
    """Pictures of the graph of a DAG, the registry and the API's docs."""
    summary = json.loads(Path(summary_file).read_text())
    urls, use_case = summary["urls"], summary.get("use_case", "bank_marketing")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=list(FLAGS))
        page = browser.new_page(viewport=SIZE)  # type: ignore[arg-type]
        log_in(page, urls["airflow"])
        take(page, f"{urls['airflow']}/dags/{use_case}_drift", "airflow.png", "drift")
        take(page, f"{urls['mlflow']}/#/models", "mlflow.png", "bank-model")
        take(page, f"{urls['serving']}/docs", "api.png", "predict")
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
