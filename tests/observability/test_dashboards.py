"""The dashboards are such as Grafana takes, and ask for metrics that there are."""

from __future__ import annotations

import itertools
import re

import pytest
import yaml

from ml.metrics.collector import MEASURES
from stack.airflow_metrics import ALLOWED
from tests.conftest import REPOSITORY
from tests.observability.dashboards import DASHBOARDS, queries, variables
from tests.observability.prometheus import DEPLOYED

PROVISIONING = REPOSITORY / "deploy" / "grafana" / "provisioning"
_SERVING = "".join((REPOSITORY / "serving" / name).read_text() for name in ("metrics.py", "challenger_metrics.py"))


def test_there_is_one_of_serving_one_of_pipelines_and_one_of_models():
    assert set(DASHBOARDS) == {"serving", "pipelines", "models"}


@pytest.mark.parametrize("name", DASHBOARDS)
def test_grafana_takes_it(name):
    dashboard = DASHBOARDS[name]
    (source,) = yaml.safe_load((PROVISIONING / "datasources" / "prometheus.yml").read_text())["datasources"]
    assert dashboard["uid"] == name
    assert dashboard["schemaVersion"] >= 39
    assert "id" not in dashboard, "Grafana's own, which differs from one to the next"
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)
    for panel in dashboard["panels"]:
        assert panel["title"]
        assert panel["description"], panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert panel["targets"], panel["title"]
        refs = [target["refId"] for target in panel["targets"]]
        assert len(set(refs)) == len(refs)
        for of in (panel, *panel["targets"]):
            assert of["datasource"] == {"type": source["type"], "uid": source["uid"]}


@pytest.mark.parametrize("name", DASHBOARDS)
def test_its_panels_lie_beside_each_other(name):
    places = [panel["gridPos"] for panel in DASHBOARDS[name]["panels"]]
    for place in places:
        assert 0 <= place["x"] < place["x"] + place["w"] <= 24
    for one, other in itertools.combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below, (one, other)


def _is_known(name: str) -> bool:
    if name.startswith("ml_"):
        return name in {measure.name for measure in MEASURES}
    if name.startswith("serving_"):
        return re.sub(r"_(bucket|sum|count|total)$", "", name) in _SERVING
    plain = re.sub(r"(_seconds)?(_sum|_count)?(_total)?$", "", name.removeprefix("airflow_"))
    return any(re.search(pattern.replace("[.]", "_"), plain) for pattern in ALLOWED)


def test_dashboards_and_alerts_ask_for_metrics_that_there_are():
    texts = [query.expression for query in queries()] + [name for name, _ in variables()]
    rules = yaml.safe_load((DEPLOYED / "rules.yml").read_text())
    texts += [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    asked = {name for text in texts for name in re.findall(r"\b(?:ml|serving|airflow)_[a-z_]+\b", text)}
    assert len(asked) > 40
    assert sorted(name for name in asked if not _is_known(name)) == []


def test_every_metric_of_the_platform_is_on_a_dashboard_or_in_an_alert():
    rules = (DEPLOYED / "rules.yml").read_text()
    asked = set(re.findall(r"\bml_[a-z_]+\b", " ".join(query.expression for query in queries()) + rules))
    unseen = {"ml_platform_read_seconds", "ml_drift_state", "ml_dag_run_started_timestamp_seconds",
              "ml_data_validated_timestamp_seconds", "ml_model_production_trained_timestamp_seconds"}  # fmt: skip
    assert {measure.name for measure in MEASURES} - asked == unseen


def test_a_variable_of_a_query_is_one_of_its_dashboard():
    for query in queries():
        assert "$" not in query.filled("1m")
