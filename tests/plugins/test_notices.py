"""What people are told of a failed task, really delivered: to a web server, to a mail server, or to nobody."""

from __future__ import annotations

import datetime as dt
import json
import logging
import re
import threading
from types import SimpleNamespace

import notice_delivery
import pytest
from airflow.sdk import DAG, Connection, task
from failure_text import KILLED, first_line
from notices import FailureNotice, KilledNotice, runbook

from ml.errors import DriftDetected
from ml.task_runs import TaskRun, record
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
    assert [r.message for r in caplog.records if r.levelno >= logging.INFO and r.name == "notice_delivery"] == [
        "No notice is sent: there is no connection ml_alerts."
    ]


def test_an_address_that_refuses_is_an_error_in_the_log_and_the_others_are_told(alerts_go_to, context, caplog):
    with web_server(status=500) as (bad, _), web_server() as (good, posted):
        alerts_go_to(f"json://127.0.0.1:{bad}", f"json://127.0.0.1:{good}")
        FailureNotice()(context())
    assert len(posted) == 1
    assert "The notice did not reach every address of ml_alerts; the lines above say why." in caplog.messages


def test_an_address_that_goes_on_answering_for_ever_is_not_waited_for(alerts_go_to, context, caplog, monkeypatch):
    monkeypatch.setattr(notice_delivery, "_SECONDS", 0.5)
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


def test_one_of_many_mapped_tasks_is_named_by_its_number(alerts_go_to, context):
    with web_server() as (port, posted):
        alerts_go_to(f"json://127.0.0.1:{port}")
        FailureNotice()(context(map_index=3))
    assert posted[0]["title"] == "shop_drift.alert[3] failed"


@pytest.fixture
def killed(settings, monkeypatch):
    """Notes mapped tasks of a run as killed."""
    monkeypatch.setenv("ML_DATABASE_URL", settings.database_url)

    def note(count):
        now = dt.datetime.now(dt.UTC)
        for n in range(count):
            record(settings, TaskRun("shop", "shop_drift", "r1", "look", n, 3, "failed", KILLED, now, now, now))

    return note


def failed_run():
    """The context that Airflow gives to a DAG's callback."""
    with DAG("shop_drift", doc_md=DOC) as dag:
        task(lambda: None, task_id="look")()
    dag.get_task("look").owner = "shop-team"
    return {"dag": dag, "run_id": "r1", "reason": "task_failure"}


def test_of_tasks_that_were_killed_their_run_tells(alerts_go_to, killed, caplog):
    killed(2)
    with web_server() as (port, posted):
        alerts_go_to(f"json://127.0.0.1:{port}")
        KilledNotice()(failed_run())
    ((title, message),) = [(p["title"], p["message"]) for p in posted]
    assert title == "shop_drift.look[0], look[1] failed"
    assert message.startswith(
        f"{KILLED}\n\nRun: r1\nOwner: shop-team\nLog: http://localhost:8080/dags/shop_drift/runs/r1\n"
    )
    assert f"ALERT shop_drift.look[0], look[1] in run r1 failed: {KILLED}. Owner: shop-team." in caplog.text


def test_of_many_that_were_killed_ten_are_named(alerts_go_to, killed):
    killed(12)
    with web_server() as (port, posted):
        alerts_go_to(f"json://127.0.0.1:{port}")
        KilledNotice()(failed_run())
    assert len(posted) == 1
    assert posted[0]["title"].endswith("look[9] and 2 more failed")


def test_of_a_run_whose_tasks_told_themselves_nothing_more_is_sent(alerts_go_to, killed):
    killed(0)
    with web_server() as (port, posted):
        alerts_go_to(f"json://127.0.0.1:{port}")
        KilledNotice()(failed_run())
    assert posted == []


def test_whether_tasks_were_killed_cannot_be_known_without_the_database(alerts_go_to, monkeypatch, caplog):
    monkeypatch.setenv("ML_DATABASE_URL", "postgresql:///nowhere?host=/nowhere")
    KilledNotice()(failed_run())
    assert "Whether tasks of run r1 were killed is not known: Postgres at postgresql:///nowhere" in caplog.text


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
    """Configs and addresses of the docs and of .env.example."""
    text = (REPOSITORY / "docs" / "notices.md").read_text()
    configs = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL)]
    env = [text, (REPOSITORY / ".env.example").read_text()]
    set_there = [json.loads(re.search(r"AIRFLOW_CONN_ML_ALERTS='(.*)'", t).group(1))["extra"]["config"] for t in env]
    paths = re.findall(r"\| [^|]+ \| `([a-z]+://[^`]+)`", text)
    return [*configs, *set_there, *({"path": path} for path in paths)]


@pytest.mark.parametrize("config", examples(), ids=str)
def test_every_address_that_the_docs_show_is_one_that_can_be_used(config):
    connection = Connection(conn_id="ml_alerts", conn_type="apprise", extra=json.dumps({"config": json.dumps(config)}))
    assert len(notice_delivery.services(connection)) == (len(config) if isinstance(config, list) else 1)
