"""Each alert fires on data made to break it and has a page that says what to do; none fires on a good day."""

from __future__ import annotations

import re
import subprocess

import pytest
import yaml

from tests.conftest import REPOSITORY
from tests.observability.prometheus import DEPLOYED, configure

RULES = {
    rule["alert"]: rule
    for group in yaml.safe_load((DEPLOYED / "rules.yml").read_text())["groups"]
    for rule in group["rules"]
}
CASES = yaml.safe_load((DEPLOYED / "rules_test.yml").read_text())["tests"]


def run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, cwd=DEPLOYED, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_takes_the_configuration_that_is_deployed(promtool, tmp_path):
    run(promtool, "check", "config", "--syntax-only", "prometheus.yml")
    targets = {"serving": ["localhost:1"], "platform": ["localhost:2"]}
    run(promtool, "check", "config", "--lint-fatal", str(configure(tmp_path, targets)))


def test_alerts_fire_on_data_made_to_break_them_and_on_no_good_day(promtool):
    run(promtool, "test", "rules", "rules_test.yml")


def test_a_rule_that_no_longer_fires_fails_that_test(promtool, tmp_path):
    blunt = (DEPLOYED / "rules.yml").read_text().replace("> 0.01", "> 0.5")
    assert blunt != (DEPLOYED / "rules.yml").read_text()
    (tmp_path / "rules.yml").write_text(blunt)
    (tmp_path / "rules_test.yml").write_text((DEPLOYED / "rules_test.yml").read_text())
    done = subprocess.run(
        [promtool, "test", "rules", "--run", "ServingAnswersErrors", "rules_test.yml"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "ServingAnswersErrors" in done.stderr


@pytest.mark.parametrize("alert", RULES)
def test_each_alert_has_a_case_in_which_it_is_silent_first_and_then_fires(alert):
    (case,) = (case for case in CASES if case["name"] == alert)
    before, after = case["alert_rule_test"]
    assert before["alertname"] == after["alertname"] == alert
    assert not before.get("exp_alerts")
    assert after["exp_alerts"]


@pytest.mark.parametrize("alert", RULES)
def test_each_alert_says_how_urgent_it_is_what_happened_and_where_to_read_on(alert):
    rule = RULES[alert]
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    assert rule["for"], "one bad sample is no alarm"
    assert rule["annotations"]["summary"].endswith(".")
    assert rule["annotations"]["description"].endswith(".")
    assert rule["annotations"]["runbook_url"] == "{{ $externalLabels.docs }}/runbooks/" + alert + ".html"
    assert (REPOSITORY / "docs" / "runbooks" / f"{alert}.md").is_file()


@pytest.mark.parametrize("alert", RULES)
def test_the_good_day_has_all_that_an_alert_looks_at(alert):
    good = " ".join(series["series"] for series in CASES[0]["input_series"])
    assert CASES[0]["name"] == "A good day"
    for name in re.findall(r"\b(?:ml|serving|airflow)_[a-z_]+\b|\bup\b", RULES[alert]["expr"]):
        assert name in good
