"""Each alert has its runbook, and each runbook its alert."""

from __future__ import annotations

import pytest
import yaml

from tests.conftest import REPOSITORY

RULES = REPOSITORY / "deploy" / "prometheus" / "rules.yml"
RUNBOOKS = REPOSITORY / "docs" / "runbooks"
GROUPS = yaml.safe_load(RULES.read_text())["groups"]
ALERTS = {rule["alert"]: rule for group in GROUPS for rule in group["rules"] if "alert" in rule}
PAGES = {page.stem for page in RUNBOOKS.glob("*.md")} - {"index"}


def test_alerts_and_runbooks_are_the_same():
    assert set(ALERTS) == PAGES


@pytest.mark.parametrize("alert", sorted(ALERTS))
def test_the_alert_links_its_runbook(alert):
    assert ALERTS[alert]["annotations"]["runbook_url"].endswith(f"/runbooks/{alert}.html")


@pytest.mark.parametrize("page", sorted(PAGES))
def test_a_runbook_says_what_it_means_how_to_look_what_to_do_and_whom_to_wake(page):
    text = (RUNBOOKS / f"{page}.md").read_text()
    title, *sections = [line for line in text.splitlines() if line.startswith("#")]

    assert title == f"# {page}"
    assert sections == ["## Look", "## Do", "## Wake somebody?"]
    assert all(len(part.strip()) > 2 for part in text.split("\n## "))
