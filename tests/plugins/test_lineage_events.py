"""OpenLineage events of real runs of the DAGs: from the file to the model, by datasets that are connected."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from datetime import UTC, datetime
from uuid import UUID

import pytest
import yaml
from lineage_events import Data, file, loaded_files, model, report, table
from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState

from ml.ingest import ingest
from stack import airflow_lineage
from tests.conftest import REPOSITORY
from tests.ingestion import make_use_case, put
from tests.plugins.receivers import web_server
from tests.trained import churn, make_settings

CANARY = "canary-7f3a"
MODEL = "churn-lineage"
_URI = re.compile(r"^https?://\S+$")


@pytest.fixture(scope="module")
def run(tmp_path_factory, postgres, mlflow_server):
    """The DAGs ingest, validate and train, one after the other; the events that they sent, and the folder."""
    folder = tmp_path_factory.mktemp("events")
    settings = make_settings(postgres, mlflow_server, folder, "events")
    use_case = churn(folder, 400, MODEL)
    (folder / "state" / "lineage").mkdir(parents=True)
    run_dags(folder, settings, {}, "ingest", "validate", "train")
    text = airflow_lineage.events_file(settings.state_dir).read_text()
    return use_case, text, [json.loads(line) for line in text.splitlines()]


def run_dags(folder, settings, chosen, *dags):
    """Run them one after the other, each finding what the one before it left; all their tasks succeed."""
    given = {n: v for n, v in os.environ.items() if not n.startswith(("AIRFLOW", "ML_", "OPENLINEAGE", "PYTEST"))}
    given |= {
        "PYTHONPATH": f"{REPOSITORY}{os.pathsep}{REPOSITORY / 'plugins'}",
        "ML_USE_CASES_DIR": str(folder / "use_cases"),
        "ML_STATE_DIR": str(settings.state_dir),
        "ML_MLFLOW_TRACKING_URI": settings.mlflow_tracking_uri,
        "ML_DATABASE_URL": settings.database_url.replace("ml_platform@", f"ml_platform:{CANARY}@"),
        "MLFLOW_TRACKING_PASSWORD": CANARY,
        "AWS_SECRET_ACCESS_KEY": CANARY,
        **airflow_lineage.settings(chosen, settings.state_dir),
    }
    home = folder / "airflow"
    (home / "dags").mkdir(parents=True)
    for dag in dags:
        (home / "dags" / "dag.py").write_text((REPOSITORY / "dags" / f"{dag}.py").read_text())
        done = subprocess.run(
            [sys.executable, "-m", "tests.plugins.dag_run", str(home)],
            cwd=REPOSITORY, env=given, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        states = [json.loads(line.removeprefix("STATE"))[-1] for line in done.stdout.splitlines() if "STATE [" in line]
        assert states
        assert set(states) == {"success"}, done.stdout


def named(events, name, kind="COMPLETE"):
    (found,) = (e for e in events if e["job"]["name"] == name and e["eventType"] == kind)
    return found


@pytest.mark.slow
def test_each_task_says_that_it_started_and_how_it_ended(run):
    _, _, events = run
    kinds = defaultdict(list)
    for event in events:
        kinds[event["job"]["name"]].append(event["eventType"])

    tasks = ("ingest.load", "ingest.report_rejected", "validate.judge", "train.check_data", "train.fit", "train.gate")
    assert {name: kinds[f"customer_churn_{name}"] for name in tasks} == {name: ["START", "COMPLETE"] for name in tasks}


@pytest.mark.slow
def test_a_file_stands_in_the_event_with_its_checksum_and_rows(run):
    use_case, _, events = run
    (found,) = named(events, "customer_churn_ingest.load")["inputs"]
    landed = use_case.landing / "clients.csv"

    assert (found["namespace"], found["name"]) == ("file", str(landed.resolve()))
    assert found["facets"]["version"]["datasetVersion"] == hashlib.sha256(landed.read_bytes()).hexdigest()
    statistics = found["inputFacets"]["inputStatistics"]
    assert (statistics["rowCount"], statistics["size"]) == (400, landed.stat().st_size)


@pytest.mark.slow
def test_the_way_from_the_file_to_the_version_of_the_model_is_connected(run):
    use_case, _, events = run
    leads_to = defaultdict(set)
    for event in events:
        for read in event["inputs"]:
            leads_to[read["namespace"], read["name"]] |= {(w["namespace"], w["name"]) for w in event["outputs"]}

    reached, way = {("file", str((use_case.landing / "clients.csv").resolve()))}, []
    while new := set.union(*(leads_to[data] for data in reached)) - reached:
        way.append(sorted(name for _, name in new))
        reached |= new

    assert way[0] == ["events.customer_churn.raw"]
    assert way[1] == ["events.customer_churn.features", "events.customer_churn.quarantine"]
    assert MODEL in way[2]
    (made,) = named(events, "customer_churn_train.fit")["outputs"]
    assert made["facets"]["version"]["datasetVersion"] == "1"


@pytest.mark.slow
def test_every_event_is_one_by_the_specification(run):
    _, _, events = run
    for event in events:
        assert datetime.fromisoformat(event["eventTime"]).astimezone(UTC) < datetime.now(UTC)
        UUID(event["run"]["runId"])
        assert event["job"]["namespace"] == "ml-platform"
        assert _URI.match(event["producer"])
        assert _URI.match(event["schemaURL"])
        for holder in (event["run"], event["job"], *event["inputs"], *event["outputs"]):
            for facet in holder.get("facets", {}).values():
                assert _URI.match(facet["_producer"])
                assert _URI.match(facet["_schemaURL"])
        # The client's own classes check times, ids and addresses.
        RunEvent(
            eventTime=event["eventTime"],
            eventType=RunState(event["eventType"]),
            run=Run(event["run"]["runId"]),
            job=Job(event["job"]["namespace"], event["job"]["name"]),
            inputs=[InputDataset(d["namespace"], d["name"]) for d in event["inputs"]],
            outputs=[OutputDataset(d["namespace"], d["name"]) for d in event["outputs"]],
            producer=event["producer"],
        )


@pytest.mark.slow
def test_no_event_has_a_secret_or_source_code(run):
    _, text, events = run

    assert CANARY not in text
    assert "environmentVariables" not in text
    assert not any("sourceCode" in e["job"].get("facets", {}) for e in events)
    assert "get_current_context" not in text


@pytest.mark.slow
def test_a_server_gets_the_events_and_may_refuse_them_without_harm_to_the_task(tmp_path, settings):
    churn(tmp_path, 50)
    with web_server(status=500) as (port, posted):
        run_dags(tmp_path, settings, {"ML_LINEAGE_URL": f"http://127.0.0.1:{port}"}, "ingest")

    assert [e["eventType"] for e in posted if e["job"]["name"] == "customer_churn_ingest.load"] == ["START", "COMPLETE"]


def test_nothing_is_collected_where_no_events_are_sent(monkeypatch):
    monkeypatch.setattr("airflow.providers.openlineage.conf.is_disabled", lambda: True)
    monkeypatch.setattr("lineage_events.get_current_context", lambda: pytest.fail("it looked for the task"))

    report(reads=[Data("file", "/a")])


def test_tables_are_named_by_server_and_database_without_login(settings):
    remote = settings.model_copy(update={"database_url": f"postgresql://u:{CANARY}@db.example:6543/ml"})
    local = settings.model_copy(update={"database_url": "postgresql://u@/ml?host=/run/somewhere"})

    assert table(remote, "ml", "outcomes") == Data("postgres://db.example:6543", "ml.ml.outcomes")
    assert table(local, "ml", "outcomes").namespace == "postgres://localhost:5432"
    mlflow = settings.model_copy(update={"mlflow_tracking_uri": f"http://u:{CANARY}@mlflow:5000"})
    assert model(mlflow, "m", "3") == Data("mlflow://mlflow:5000", "m", version="3")
    assert file("/a.csv", "ab") == Data("file", "/a.csv", version="ab")


@pytest.fixture
def are_sent(monkeypatch):
    monkeypatch.setattr("airflow.providers.openlineage.conf.is_disabled", lambda: False)


def test_a_database_that_is_away_costs_the_event_its_files_and_the_task_nothing(settings, tmp_path, are_sent):
    away = settings.model_copy(update={"database_url": "postgresql:///nowhere?host=/nowhere"})

    assert loaded_files(away, make_use_case(tmp_path), "run 1") == []


def test_files_from_an_object_store_are_named_by_their_keys(settings, tmp_path, are_sent):
    use_case = make_use_case(tmp_path)
    put(use_case, "a.csv", "place,amount,paid\nnorth,1,yes\n")
    put(use_case, "b.csv", "place,amount,paid\nnorth,1\n")
    ingest(settings, use_case, run_id="run 1")
    store = settings.model_copy(update={"landing_url": "s3://landing/in"})

    assert [(d.namespace, d.name, d.rows) for d in loaded_files(store, use_case, "run 1")] == [
        ("s3://landing", "in/orders/a.csv", 1)
    ]
    assert loaded_files(settings, use_case, "another run") == []


def test_events_go_to_the_server_that_the_user_names(tmp_path):
    asked = airflow_lineage.settings(
        {"ML_LINEAGE_URL": "http://marquez:5000", "ML_LINEAGE_NAMESPACE": "shop"}, tmp_path
    )

    transport = json.loads(asked["AIRFLOW__OPENLINEAGE__TRANSPORT"])
    assert (transport["type"], transport["url"], transport["endpoint"]) == (
        "http", "http://marquez:5000", "api/v1/lineage",
    )  # fmt: skip
    assert asked["AIRFLOW__OPENLINEAGE__NAMESPACE"] == "shop"
    elsewhere = airflow_lineage.settings({"ML_LINEAGE_URL": "http://datahub:8080/open/lineage"}, tmp_path)
    transport = json.loads(elsewhere["AIRFLOW__OPENLINEAGE__TRANSPORT"])
    assert (transport["url"], transport["endpoint"]) == ("http://datahub:8080", "open/lineage")


@pytest.mark.parametrize("chosen", [{}, {"ML_LINEAGE_TRANSPORT": "http", "ML_LINEAGE_URL": "http://marquez:5000"}])
def test_the_containers_have_a_transport_as_they_are_and_as_the_user_says(chosen, monkeypatch):
    compose = yaml.safe_load((REPOSITORY / "docker-compose.yaml").read_text())["x-environment"]
    for name, value in compose.items():
        if name.startswith("OPENLINEAGE"):
            filled = re.sub(r"\$\{(\w+):-([^}]*)\}", lambda m: chosen.get(m[1], m[2]), value)
            monkeypatch.setenv(name, filled)

    config = OpenLineageClient().transport.config

    if chosen:
        assert (config.url, config.endpoint, config.timeout) == ("http://marquez:5000", "api/v1/lineage", 3)
        assert config.retry["total"] == 0
    else:
        assert (config.log_file_path, config.append) == ("/var/lib/platform/lineage/events.jsonl", True)
