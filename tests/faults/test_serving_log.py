"""S2, S3, S9, S10: whatever ends or fills up under load, an acknowledged prediction is in the table, once."""

import contextlib
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from ml.store import SERVING_ROLE, connect
from serving.cache import BundleCache
from serving.watcher import Watcher
from tests.faults.load import load
from tests.serving.fakes import MODEL, FolderRegistry, serving_settings
from tests.serving.process import answers, ask, started, until, version

DOWN_SECONDS = 60
KILLS = 100
GRACE_SECONDS = 10


@pytest.fixture
def settings(tmp_path, contract, own_postgres):
    """A service with a database that can be stopped, and a version in its cache."""
    settings = serving_settings(tmp_path, own_postgres.url("ml", SERVING_ROLE)).model_copy(update={"poll_seconds": 2})
    registry = FolderRegistry(tmp_path / "registry", contract)
    registry.register("1")
    registry.promote("1")
    Watcher(registry, BundleCache(settings.cache_dir, MODEL), MODEL).look()
    return settings


@contextlib.contextmanager
def serving(settings, tmp_path):
    with started(settings, tmp_path / "log") as (url, process):
        until(lambda: version(url) == "1", 30)
        yield url, process


def in_table(server):
    """Ids, sorted, each as often as it is there."""
    with connect(server.url("ml", "ml_platform")) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT inference_id::text FROM ml.inference_logs ORDER BY 1")
        return [row[0] for row in cursor.fetchall()]


def waiting(settings):
    """Records in the spool."""
    return sum(path.read_bytes().count(b"\n") for path in settings.spool_dir.glob("*.jsonl"))


def replayed(settings):
    until(lambda: not list(settings.spool_dir.glob("*.jsonl")), 60)


@pytest.mark.fault
def test_s2_postgres_may_be_away_for_a_minute(own_postgres, settings, tmp_path, payload):
    with serving(settings.model_copy(update={"workers": 2}), tmp_path) as (url, _):
        with load(url, payload, pause=0.01) as outcome:
            until(lambda: len(outcome.replies) > 200, 30)
            own_postgres.stop()
            time.sleep(DOWN_SECONDS)
            spooled = waiting(settings)
            own_postgres.start()
            replayed(settings)
        replayed(settings)
    failed = len(outcome.replies) - outcome.statuses[200] + outcome.cut + outcome.refused
    print(
        f"\nS2: {len(outcome.replies)} requests, 2 workers, {DOWN_SECONDS} s without Postgres: {failed} failed,"
        f" {spooled} spooled; {len(outcome.acknowledged)} acknowledged, {len(in_table(own_postgres))} in the table"
    )
    assert outcome.statuses.keys() == {200}
    assert (outcome.cut, outcome.refused) == (0, 0)
    assert spooled > 0
    assert in_table(own_postgres) == outcome.acknowledged


@pytest.fixture
def tiny_disk(settings):
    """A spool on a disk of 128 kB."""
    settings.spool_dir.mkdir(parents=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(settings.spool_dir)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("only root may mount a disk")
    yield
    subprocess.run(["umount", str(settings.spool_dir)], check=True)


@pytest.mark.parametrize("what", ["spool", "disk"])
def test_s3_without_room_for_its_record_a_prediction_is_withheld(
    request, own_postgres, settings, tmp_path, payload, what
):
    if what == "disk":
        request.getfixturevalue("tiny_disk")
    else:
        settings = settings.model_copy(update={"spool_max_bytes": 128 * 1024})
    with serving(settings, tmp_path) as (url, _):
        own_postgres.stop()
        with load(url, payload) as full:
            until(lambda: full.statuses[503] > 100, 60)
        problems = ask(f"{url}/ready").json()["problems"]
        own_postgres.start()
        until(lambda: ask(f"{url}/ready").json()["log"] == "postgres", 20)  # one more record may fit the spool
        with load(url, payload) as after:
            until(lambda: len(after.replies) > 100, 20)
        replayed(settings)
    withheld = [reply for reply in full.replies if reply.status == 503]
    print(
        f"\nS3, full {what}: {full.statuses[200]} acknowledged, {len(withheld)} got 503; with Postgres back"
        f" {after.statuses[200]} of {len(after.replies)} acknowledged"
    )
    assert full.statuses.keys() == {200, 503}
    assert all(int(reply.headers["retry-after"]) > 0 for reply in withheld)
    assert any("predictions are withheld" in problem for problem in problems)
    assert after.statuses.keys() == {200}
    assert {*full.acknowledged, *after.acknowledged} <= {*in_table(own_postgres)}
    assert len(in_table(own_postgres)) == full.statuses[200] + after.statuses[200]


@pytest.mark.parametrize("away", [False, True], ids=["with Postgres", "without Postgres"])
def test_s9_a_service_that_is_ended_under_load_finishes_what_it_took(own_postgres, settings, tmp_path, payload, away):
    with serving(settings, tmp_path) as (url, process):
        if away:
            own_postgres.stop()
        with load(url, payload) as outcome:
            until(lambda: len(outcome.replies) > 500, 30)
            process.send_signal(signal.SIGTERM)
            seconds = until(lambda: process.poll() is not None, GRACE_SECONDS + 5)
    spooled = waiting(settings)
    if away:
        own_postgres.start()
        with serving(settings, tmp_path):
            replayed(settings)
    print(
        f"\nS9, {'without' if away else 'with'} Postgres: ended in {seconds:.1f} s; {len(in_table(own_postgres))}"
        f" predicted, {len(outcome.acknowledged)} acknowledged, {spooled} spooled"
    )
    assert seconds < GRACE_SECONDS
    assert outcome.statuses.keys() == {200}
    assert in_table(own_postgres) == outcome.acknowledged  # none was predicted whose answer got lost
    assert (spooled > 0) is away


def workers(process):
    """Process ids of those that answer requests."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [int(child) for child in children if b"spawn_main" in command(child)]


def command(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return b""


@pytest.mark.fault
@pytest.mark.timeout(1800)
def test_s10_workers_may_be_killed_a_hundred_times(own_postgres, settings, tmp_path, payload):
    chosen = random.Random(0)
    with serving(settings.model_copy(update={"workers": 3}), tmp_path) as (url, process):
        with load(url, payload, pause=0.005) as outcome:
            for kill in range(KILLS):
                if kill == KILLS // 3:
                    own_postgres.stop()
                if kill == 2 * KILLS // 3:
                    own_postgres.start()
                before = len(outcome.acknowledged)
                until(lambda before=before: len(outcome.acknowledged) > before + 20, 60)
                os.kill(chosen.choice(workers(process)), signal.SIGKILL)
        until(lambda: answers(url), 60)
        replayed(settings)
    rows = in_table(own_postgres)
    lost, doubled = {*outcome.acknowledged} - {*rows}, len(rows) - len({*rows})
    print(
        f"\nS10: {KILLS} workers killed, {outcome.cut} requests cut off; {len(outcome.acknowledged)} acknowledged,"
        f" {len(lost)} of them lost, {doubled} doubled"
    )
    assert outcome.statuses.keys() == {200}
    assert not lost
    assert not doubled
