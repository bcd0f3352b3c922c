"""What people are told of a failed task, really delivered: to a web server, to a mail server, or to nobody."""

from __future__ import annotations

import json
import logging
import re
import threading
from types import SimpleNamespace

import notices
import pytest
from airflow.sdk import DAG, Connection
from failure_text import first_line
from notices import FailureNotice, body, runbook, title

from ml.errors import DriftDetected
from tests.conftest import REPOSITORY
from tests.plugins.receivers import endless_server, mail_server, web_server

DOC = """## Purpose
Compares.

## When it is red
- `alert`: there is drift.
  Look at the report.

## Else
Nothing.
"""
DRIFT = DriftDetected("Drift is confirmed. age: PSI 0.41 > 0.2; job: PSI 0.33 > 0.2. Report: file:///r.html")
LOG = "http://airflow/dags/shop_drift/runs/r1/tasks/alert"


@pytest.fixture
def context():
    def make(exception=DRIFT, map_index=-1):
        ti = SimpleNamespace(
            dag_id="shop_drift", task_id="alert", run_id="r1", try_number=1, map_index=map_index, log_url=LOG
        )
        return {
            "ti": ti,
            "task": SimpleNamespace(owner="shop-team"),
            "dag": DAG("shop_drift", doc_md=DOC),
            "exception": exception,
        }

    return make


@pytest.fixture
def alerts_go_to(monkeypatch):
    """Makes the connection, as `.env` does."""

    def connect(*paths, **changed):
        config = [{"path": path} for path in paths]
        connection = {"conn_type": "apprise", "extra": {"config": config}} | changed
        monkeypatch.setenv("AIRFLOW_CONN_ML_ALERTS", json.dumps(connection))

    monkeypatch.delenv("AIRFLOW_CONN_ML_ALERTS", raising=False)
    return connect


EXPECTED = f"""{DRIFT}

Run: r1, try 1
Owner: shop-team
Log: {LOG}

What to do:
- `alert`: there is drift.
  Look at the report."""


def test_a_webhook_gets_what_failed_why_where_and_what_to_do(alerts_go_to, context):
    with web_server() as (port, posted):
        alerts_go_to(f"json://127.0.0.1:{port}/hook")
        FailureNotice()(context())
    ((title_, message, kind),) = [(p["title"], p["message"], p["type"]) for p in posted]
    assert (title_, message, kind) == ("shop_drift.alert failed", EXPECTED, "failure")


def test_a_mail_gets_the_same_to_whom_it_is_addressed(alerts_go_to, context):
    with mail_server() as (port, mails):
        alerts_go_to(f"mailto://127.0.0.1:{port}?from=ml@example.com&to=duty@example.com&mode=insecure&format=text")
        FailureNotice()(context())
    (mail,) = mails
    assert mail["To"] == "duty@example.com"
    assert "ml@example.com" in mail["From"]
    assert mail["Subject"] == "shop_drift.alert failed"
    assert mail.get_body().get_content().replace("\r\n", "\n").strip() == EXPECTED


def test_every_address_of_the_connection_is_told(alerts_go_to, context):
    with web_server() as (one, first), web_server() as (two, second):
        alerts_go_to(f"json://127.0.0.1:{one}", f"json://127.0.0.1:{two}")
        FailureNotice()(context())
    assert len(first) == len(second) == 1


def test_without_the_connection_nothing_is_sent_and_nothing_goes_wrong(alerts_go_to, context, caplog):
    caplog.set_level(logging.INFO)
    FailureNotice()(context())
    assert [r.message for r in caplog.records if r.levelno >= logging.INFO and r.name == "notices"] == [
        "No notice is sent: there is no connection ml_alerts."
    ]


def test_an_address_that_refuses_is_an_error_in_the_log_and_the_others_are_told(alerts_go_to, context, caplog):
    with web_server(status=500) as (bad, _), web_server() as (good, posted):
        alerts_go_to(f"json://127.0.0.1:{bad}", f"json://127.0.0.1:{good}")
        FailureNotice()(context())
    assert len(posted) == 1
    assert "The notice did not reach every address of ml_alerts; the lines above say why." in caplog.messages


def test_an_address_that_goes_on_answering_for_ever_is_not_waited_for(alerts_go_to, context, caplog, monkeypatch):
    monkeypatch.setattr(notices, "_SECONDS", 0.5)
    before = set(threading.enumerate())
    with endless_server() as port:
        alerts_go_to(f"json://127.0.0.1:{port}")
        FailureNotice()(context())
        assert any("The notice may not have arrived" in message for message in caplog.messages)
    for thread in set(threading.enumerate()) - before:
        thread.join()


@pytest.mark.parametrize(
    ("paths", "changed", "said"),
    [
        (
            (),
            {"extra": {}},
            "The notice was not sent: ValueError: The connection ml_alerts must be of the type Apprise",
        ),
        ((), {"extra": {"config": "{"}}, "The connection ml_alerts must be of the type Apprise"),
        (("nothing://known.to/apprise",), {}, "Apprise knows no service for the path in the connection ml_alerts."),
    ],
)
def test_a_connection_that_cannot_be_used_is_an_error_in_the_log(alerts_go_to, context, caplog, paths, changed, said):
    alerts_go_to(*paths, **changed)
    FailureNotice()(context())
    assert said in caplog.text


def test_what_looks_like_a_template_in_an_error_stays_what_it_is(alerts_go_to, context):
    with web_server() as (port, posted):
        alerts_go_to(f"json://127.0.0.1:{port}")
        FailureNotice()(context(DriftDetected("{{ 6 * 7 }} {% raw %}")))
    assert posted[0]["message"].startswith("{{ 6 * 7 }} {% raw %}\n")


def test_one_of_many_mapped_tasks_is_named_by_its_number(context):
    assert title(context(map_index=3)) == "shop_drift.alert[3] failed"


def test_a_task_that_was_killed_says_so(context):
    assert body(context(None)).startswith("it ended without a word: its process was killed, or its machine is gone\n")


def test_docs_without_a_runbook_add_nothing():
    assert runbook(None) == runbook("## Purpose\nIt runs.") == ""


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (DriftDetected("age moved\nby much"), "age moved"),
        (KeyError("age"), "KeyError: 'age'"),
        (MemoryError(), "MemoryError"),
        ("marked as failed", "marked as failed"),
        (DriftDetected("no answer from postgresql://ml:hunter2@db/ml"), "no answer from postgresql://ml:***@db/ml"),
        (DriftDetected("x" * 100), "x" * 49 + "…"),
    ],
)
def test_an_errors_first_line_is_short_and_without_passwords(error, line):
    assert first_line(error, 50) == line


def examples():
    """Configs and addresses of the docs."""
    text = (REPOSITORY / "docs" / "notices.md").read_text()
    configs = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL)]
    env = json.loads(re.search(r"AIRFLOW_CONN_ML_ALERTS='(.*)'", text).group(1))["extra"]["config"]
    paths = re.findall(r"\| [^|]+ \| `([a-z]+://[^`]+)`", text)
    return [*configs, env, *({"path": path} for path in paths)]


@pytest.mark.parametrize("config", examples(), ids=str)
def test_every_address_that_the_docs_show_is_one_that_can_be_used(config):
    connection = Connection(conn_id="ml_alerts", conn_type="apprise", extra=json.dumps({"config": json.dumps(config)}))
    assert len(notices._services(connection)) == (len(config) if isinstance(config, list) else 1)
