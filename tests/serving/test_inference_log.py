"""A record is durable when ``append`` returns: in Postgres, or on disk on its way there."""

import asyncio
import json
import os
import signal

import psycopg2
import pytest

from ml.inference_id import new_id
from ml.store import connect
from serving.errors import LogUnavailable
from serving.inference_log import InferenceLog
from serving.log_database import insert_spooled, reason
from serving.spool import Spool

LIMIT = 10_000_000


def record(**changed):
    fields = {
        "inference_id": str(new_id()), "use_case": "u", "model_name": "m", "model_version": "1", "run_id": "r",
        "input": {"x.y": 1.5, "plan": "a'; DROP SCHEMA ml CASCADE; --"}, "prediction": 1, "probability": 0.75,
        "source": "online", "warnings": None, "timestamp": "2024-01-02T03:04:05Z",
    }  # fmt: skip
    return json.dumps({**fields, **changed}).encode()


def identity(line):
    return json.loads(line)["inference_id"]


def ids(url):
    connection = psycopg2.connect(url)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT inference_id::text FROM ml.inference_logs")
            return sorted(row[0] for row in cursor.fetchall())
    finally:
        connection.close()


def running(log, use):
    """Run ``use(log)`` while the log's writer runs."""

    async def run():
        writer = asyncio.create_task(log.run())
        try:
            return await use(log)
        finally:
            writer.cancel()
            await asyncio.wait([writer])

    return asyncio.run(run())


async def append_all(log, records):
    return await asyncio.gather(*(log.append(r) for r in records), return_exceptions=True)


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.02)


@pytest.fixture
def spool(tmp_path):
    return Spool(tmp_path / "spool", LIMIT)


@pytest.fixture
def log(serving_database_url, spool):
    return InferenceLog(serving_database_url, spool)


def test_all_records_of_many_requests_at_once_are_in_the_table_when_they_return(log, database_url, spool):
    records = [record() for _ in range(500)]

    async def use(log):
        await append_all(log, records)
        return ids(database_url)

    assert running(log, use) == sorted(map(identity, records))
    assert spool.is_empty()


def test_a_repeated_id_leaves_the_first_record(log, database_url):
    first = record()
    running(log, lambda log: append_all(log, [first, record(inference_id=identity(first), prediction=0)]))
    assert ids(database_url) == [identity(first)]


def test_what_waits_when_the_service_stops_is_written(log, database_url):
    waiting = record()

    async def run():
        writer = asyncio.create_task(log.run())
        await asyncio.sleep(0)
        append = asyncio.create_task(log.append(waiting))
        await asyncio.sleep(0)
        writer.cancel()
        await append
        await asyncio.wait([writer])

    asyncio.run(run())
    assert ids(database_url) == [identity(waiting)]


def test_a_request_that_was_given_up_holds_up_no_other(log, database_url):
    async def use(log):
        given_up = asyncio.create_task(log.append(record()))
        await asyncio.sleep(0)
        given_up.cancel()
        await log.append(record())

    running(log, use)
    assert len(ids(database_url)) == 2


def test_a_connection_that_was_cut_costs_no_record(log, database_url, postgres):
    records = [record() for _ in range(3)]

    async def use(log):
        await log.append(records[0])
        postgres.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ml-serving'")
        await log.append(records[1])
        await until(lambda: log.away is None)
        await log.append(records[2])

    running(log, use)
    assert ids(database_url) == sorted(map(identity, records))


def test_with_postgres_down_records_are_spooled_and_replayed_exactly_once(own_postgres, spool):
    from ml.store import SERVING_ROLE

    records = [record() for _ in range(300)]
    log = InferenceLog(own_postgres.url("ml", SERVING_ROLE), spool)

    async def use(log):
        results = await append_all(log, records[:100])
        await asyncio.to_thread(own_postgres.stop)
        for start in range(100, 200, 10):
            results += await append_all(log, records[start : start + 10])
        assert log.away is not None
        await asyncio.to_thread(own_postgres.start)
        await until(lambda: log.away is None)
        results += await append_all(log, records[200:])
        await until(spool.is_empty)
        return results

    assert running(log, use) == [None] * 300
    assert ids(own_postgres.url("ml", "ml_platform")) == sorted(map(identity, records))


def test_what_was_spooled_before_is_replayed_at_the_start(log, database_url, spool):
    records = [record() for _ in range(3)]
    spool.append(records)
    insert_spooled(log._url, records[:1])  # the process died between its insert and the removal of the segment

    async def use(_log):
        await until(spool.is_empty)

    running(log, use)
    assert ids(database_url) == sorted(map(identity, records))


def test_a_server_that_hangs_is_given_up(own_postgres, spool, monkeypatch):
    from ml.store import SERVING_ROLE

    monkeypatch.setattr("serving.log_database._INSERT_SECONDS", 0.2)
    log = InferenceLog(own_postgres.url("ml", SERVING_ROLE), spool)
    records = [record(), record()]

    async def use(log):
        await log.append(records[0])
        hung = backend(own_postgres)
        os.kill(hung, signal.SIGSTOP)
        try:
            await log.append(records[1])
            return log.away
        finally:
            os.kill(hung, signal.SIGCONT)

    assert running(log, use) == "TimeoutError"
    assert not spool.is_empty()


def backend(server):
    return int(server.psql("SELECT pid FROM pg_stat_activity WHERE application_name = 'ml-serving'"))


def test_s3_with_neither_database_nor_disk_it_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    log = InferenceLog("postgresql:///nowhere?host=/nowhere", Spool(tmp_path / "file" / "spool", LIMIT))
    (result,) = running(log, lambda log: append_all(log, [record()]))
    assert isinstance(result, LogUnavailable)
    assert str(result) == (
        "The prediction was withheld because it could not be logged: neither the database nor the spool takes its "
        "record. Try again."
    )


def test_a_record_that_postgres_never_takes_holds_up_no_other(serving_database_url, database_url):
    good, bad = record(), record(input={"x": "\0"})
    assert insert_spooled(serving_database_url, [bad, good]) == [bad]
    assert ids(database_url) == [identity(good)]


def test_what_a_damaged_disk_made_of_a_record_holds_up_no_other(serving_database_url, database_url):
    records = [record() for _ in range(5)]
    damaged = [b"\xff\xfe", b"\0" * 8, b'{"inference_id": ']
    mixed = [damaged[0], *records[:2], damaged[1], *records[2:], damaged[2]]
    assert sorted(insert_spooled(serving_database_url, mixed)) == sorted(damaged)
    assert ids(database_url) == sorted(map(identity, records))


def test_a_row_that_a_partition_refuses_for_the_moment_is_not_given_up(serving_database_url, database_url):
    """As when it was on its way to a table that became another month's partition meanwhile."""
    waiting = record()
    connection = psycopg2.connect(database_url)
    with connection, connection.cursor() as cursor:
        cursor.execute("CREATE SEQUENCE ml.tries; GRANT USAGE ON SEQUENCE ml.tries TO ml_serving")
        cursor.execute("ALTER TABLE ml.inference_logs_default ADD CHECK (nextval('ml.tries') > 2)")
    connection.close()
    assert insert_spooled(serving_database_url, [waiting]) == []
    assert ids(database_url) == [identity(waiting)]


def test_a_full_spool_withholds_predictions_says_so_and_takes_them_again(own_postgres, tmp_path):
    from ml.store import SERVING_ROLE

    spool = Spool(tmp_path / "spool", 1000)
    log = InferenceLog(own_postgres.url("ml", SERVING_ROLE), spool)
    records = [record() for _ in range(10)]

    async def use(log):
        await asyncio.to_thread(own_postgres.stop)
        results = [(await append_all(log, [r]))[0] for r in records]
        problem = log.spool_problem
        await asyncio.to_thread(own_postgres.start)
        await until(lambda: log.away is None)
        assert log.spool_problem is None
        return results, problem

    results, problem = running(log, use)
    acknowledged = [identity(r) for r, result in zip(records, results, strict=True) if result is None]
    assert 0 < len(acknowledged) < 10
    assert "the spool is full, at its limit of 1000 bytes" in problem
    assert all(isinstance(result, LogUnavailable) for result in results if result)
    assert ids(own_postgres.url("ml", "ml_platform")) == sorted(acknowledged)


def test_a_reason_quotes_no_row(database_url):
    with connect(database_url) as connection, connection.cursor() as cursor:
        with pytest.raises(psycopg2.IntegrityError) as refused:
            cursor.execute("INSERT INTO ml.outcomes (inference_id, use_case) VALUES (gen_random_uuid(), 'secret')")
        connection.rollback()
    assert "secret" in str(refused.value)
    assert "secret" not in reason(refused.value)
    assert reason(TimeoutError()) == "TimeoutError"
