"""What serving answered, by the hour, in ``ml.serving_traffic``: for the people who look, never in a request's way."""

import asyncio
import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import httpx
import psycopg2
import pytest

from ml.store import SERVING_ROLE
from ml.traffic import LATENCY_LIMITS
from serving import traffic as traffic_module
from serving.app import create_app
from serving.cache import BundleCache
from serving.traffic import Traffic
from serving.watcher import Watcher
from tests.serving import bundles
from tests.serving.fakes import MODEL, LocalClient
from tests.serving.process import running, until, version

COLUMNS = "use_case, model_version, endpoint, requests, client_errors, server_errors"


@pytest.fixture
def read(database_url):
    return lambda columns=COLUMNS: rows(database_url, columns)


@pytest.fixture
def clock(monkeypatch):
    """Hours that the test sets."""
    now = SimpleNamespace(hour=480_000)
    monkeypatch.setattr(traffic_module, "time", lambda: now.hour * 3600.0 + 1)
    return now


def rows(url, columns=COLUMNS):
    connection = psycopg2.connect(url)
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {columns} FROM ml.serving_traffic ORDER BY hour, model_version, endpoint, process")
            return cursor.fetchall()
    finally:
        connection.close()


def counting(url, *, away=None, model=None):
    """Counts of a process that has no app around it."""
    return Traffic(url, SimpleNamespace(standing=SimpleNamespace(model=model)), SimpleNamespace(away=away))


def asked(path="/v1/predict", **state):
    return {"path": path, "state": state}


def test_at_its_end_a_process_has_written_what_it_answered_by_endpoint_and_version(serving, registry, contract, read):
    values = {"input": bundles.example(contract)}
    with LocalClient(create_app(serving, registry)) as client:
        for _ in range(3):
            assert client.post("/v1/predict", json=values).status_code == 200
        client.post("/predict", json=values)
        client.post("/v1/predict", json={"input": {}})
        client.post("/v1/predict/batch", json={"inputs": [values["input"]] * 4})
        client.get("/health")
        client.get("/v1/model")
        assert read() == []  # nothing is written for a request
    assert read() == [
        ("customer_churn", "1", "batch", 1, 0, 0),
        ("customer_churn", "1", "predict", 5, 1, 0),
    ]
    ((hour,), _) = read("hour")
    now = dt.datetime.now(dt.UTC)
    assert hour.minute == hour.second == 0
    assert dt.timedelta(0) <= now - hour < dt.timedelta(hours=1, minutes=1)
    for counts, requests in read("latency_counts, requests"):
        assert len(counts) == len(LATENCY_LIMITS) + 1
        assert sum(counts) == requests


def test_a_failure_of_the_service_counts_as_its_own_and_a_refusal_as_the_clients(serving, registry, contract, read):
    registry.promote(None)
    with LocalClient(create_app(serving, registry)) as client:
        assert client.post("/v1/predict", json={"input": bundles.example(contract)}).status_code == 503
        assert client.post("/v1/predict", content=b"{").status_code == 503
        assert client.get("/v1/predict").status_code == 405
    assert read() == [("", "", "predict", 3, 1, 2)]


@pytest.mark.parametrize(
    ("seconds", "place"), [(0, 0), (0.0001, 0), (0.00011, 1), (0.001, 3), (10, 15), (10.01, 16), (900, 16)]
)
def test_a_latency_counts_at_the_first_limit_that_it_does_not_exceed(serving_database_url, read, seconds, place):
    traffic = counting(serving_database_url)
    traffic.answered(asked(model_version="1"), 200, seconds)
    asyncio.run(traffic.write())
    ((counts,),) = read("latency_counts")
    assert counts == [int(n == place) for n in range(len(LATENCY_LIMITS) + 1)]


def test_two_workers_write_rows_of_their_own_and_together_they_are_all_requests(
    tmp_path, serving, registry, contract, database_url, monkeypatch
):
    shared = tmp_path / "metrics"
    shared.mkdir()
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(shared))
    Watcher(registry, BundleCache(serving.cache_dir, MODEL), MODEL).look()
    with running(serving.model_copy(update={"workers": 2}), tmp_path / "log") as url:
        until(lambda: version(url) == "1", 20)
        until(lambda: len(list(shared.glob("gauge_livesum_*.db"))) == 2, 20)  # both are up
        # Many at a time, each on a connection of its own: a worker at work leaves some to the other.
        body = {"input": bundles.example(contract)}
        with ThreadPoolExecutor(16) as clients:
            replies = list(clients.map(lambda _: httpx.post(f"{url}/v1/predict", json=body, verify=False), range(200)))
    assert {reply.status_code for reply in replies} == {200}
    found = rows(database_url, "requests, process")
    assert sum(requests for requests, _ in found) == len(replies)
    assert len({process for _, process in found}) == len(found) == 2


def test_written_again_the_hours_row_is_replaced_and_without_news_it_is_not_written(serving_database_url, read, clock):
    async def count():
        traffic = counting(serving_database_url)
        traffic.answered(asked(model_version="1"), 200, 0.002)
        await traffic.write()
        written = read("requests, xmin::text")
        await traffic.write()
        assert read("requests, xmin::text") == written
        traffic.answered(asked(model_version="1"), 500, 0.002)
        await traffic.write()

    asyncio.run(count())
    assert read() == [("", "1", "predict", 2, 0, 1)]


def test_an_hour_that_ends_is_written_whole_and_then_left_alone(serving_database_url, read, clock):
    async def count():
        traffic = counting(serving_database_url)
        traffic.answered(asked(model_version="1"), 200, 0.002)
        await traffic.write()
        traffic.answered(asked(model_version="1"), 200, 0.002)
        clock.hour += 1
        traffic.answered(asked(model_version="2"), 200, 0.002)
        clock.hour -= 1  # a clock set back
        traffic.answered(asked(model_version="2"), 200, 0.002)
        await traffic.write()
        traffic.answered(asked(model_version="2"), 200, 0.002)
        await traffic.write()

    asyncio.run(count())
    assert read() == [("", "1", "predict", 2, 0, 0), ("", "2", "predict", 3, 0, 0)]


def test_with_postgres_away_it_counts_on_and_writes_every_hour_once_it_is_back(own_postgres, clock, caplog):
    url = own_postgres.url("ml", SERVING_ROLE)

    async def count():
        traffic = counting(url)
        own_postgres.stop()
        for _ in range(3):
            traffic.answered(asked(model_version="1"), 200, 0.002)
            await traffic.write()
            clock.hour += 1
        own_postgres.start()
        await traffic.write()

    caplog.set_level("INFO", "serving.traffic")
    asyncio.run(count())
    assert rows(own_postgres.url("ml", "ml_platform"), "requests, extract(hour FROM hour)::int") == [
        (1, 0), (1, 1), (1, 2)
    ]  # fmt: skip
    assert [message.partition(":")[0] for message in caplog.messages] == [
        "traffic is not written, and kept for up to 48 hours",
        "traffic is written again",
    ]


def test_of_a_long_outage_the_last_two_days_are_kept(serving_database_url, read, clock, caplog):
    traffic = counting(serving_database_url)
    for _ in range(50):
        traffic.answered(asked(model_version="1"), 200, 0.002)
        clock.hour += 1
    asyncio.run(traffic.write())
    assert len(read()) == 48
    assert caplog.messages == [
        f"the traffic of 2024-10-04T{hour:02}:00:00+00:00 was never written: Postgres was away too long"
        for hour in (0, 1)
    ]


def test_while_the_log_finds_postgres_away_it_is_not_asked(serving_database_url, read):
    traffic = counting(serving_database_url, away="gone")
    traffic.answered(asked(model_version="1"), 200, 0.002)
    asyncio.run(traffic.write())
    assert read() == []


def test_a_request_is_answered_though_the_table_is_not_there(own_postgres, serving, registry, contract, caplog):
    own_postgres.psql("DROP TABLE ml.serving_traffic", "ml")
    settings = serving.model_copy(update={"database_url": own_postgres.url("ml", SERVING_ROLE)})
    with LocalClient(create_app(settings, registry)) as client:
        assert client.post("/v1/predict", json={"input": bundles.example(contract)}).status_code == 200
    assert "traffic is not written, and kept for up to 48 hours: relation" in caplog.text
