"""Records on disk: kept as a whole or not at all, replayed once, by whoever finds them."""

import contextlib
import fcntl
import os
import resource
import subprocess
import sys
import threading

import pytest

from serving.spool import Spool

LIMIT = 100_000


@pytest.fixture
def new_spool(tmp_path):
    """Makes spools that share a folder, as those of several processes do."""
    with contextlib.ExitStack() as ended:

        def new(max_bytes):
            spool = Spool(tmp_path / "spool", max_bytes)
            ended.callback(spool.close)
            return spool

        yield new


@pytest.fixture
def spool(new_spool):
    return new_spool(LIMIT)


def replayed(spool, refuse=()):
    """What a replay hands to the database, which refuses some."""
    taken = []

    def insert(records):
        taken.extend(r for r in records if r not in refuse)
        return [r for r in records if r in refuse]

    spool.replay(insert)
    return taken


def test_records_come_back_in_order_and_then_are_gone(spool):
    spool.append([b'{"a": 1}', b'{"a": 2}'])
    spool.append([b'{"a": 3}'])
    assert not spool.is_empty()
    assert replayed(spool) == [b'{"a": 1}', b'{"a": 2}', b'{"a": 3}']
    assert spool.is_empty()


def test_more_than_a_chunk_comes_back(spool):
    records = [b"%d" % i for i in range(2500)]
    spool.append(records)
    assert replayed(spool) == records


def test_what_is_appended_after_a_replay_waits_for_the_next(spool):
    spool.append([b"1"])
    replayed(spool)
    spool.append([b"2"])
    assert replayed(spool) == [b"2"]


def test_when_the_database_goes_away_in_mid_replay_nothing_is_lost(spool):
    spool.append([b"1"])

    def away(records):
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        spool.replay(away)
    assert replayed(spool) == [b"1"]


def test_a_record_that_is_refused_is_kept_aside_and_holds_up_no_other(spool, tmp_path):
    spool.append([b"good", b"bad", b"fine"])
    assert replayed(spool, refuse=[b"bad"]) == [b"good", b"fine"]
    assert (tmp_path / "spool" / "refused.txt").read_bytes() == b"bad\n"
    assert spool.is_empty()


def test_half_a_record_at_the_end_is_left_out(tmp_path, spool):
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / "1-2.jsonl").write_bytes(b'{"a": 1}\n{"a": ')
    assert replayed(spool) == [b'{"a": 1}']


def test_a_segment_that_another_process_writes_is_left_to_it(tmp_path, spool):
    spool.append([b"mine"])
    assert replayed(Spool(tmp_path / "spool", LIMIT)) == []
    assert replayed(spool) == [b"mine"]


def test_records_of_a_killed_process_are_taken_over(tmp_path, spool):
    code = (
        "import os, pathlib, signal, sys; from serving.spool import Spool;"
        "Spool(pathlib.Path(sys.argv[1]), 1000).append([b'orphan']); os.kill(os.getpid(), signal.SIGKILL)"
    )
    process = subprocess.run([sys.executable, "-c", code, str(tmp_path / "spool")], check=False)
    assert process.returncode == -9
    assert replayed(spool) == [b"orphan"]


def test_a_full_disk_is_an_error_and_leaves_no_part_of_the_record(tmp_path, spool):
    spool.append([b"before"])
    (path,) = (tmp_path / "spool").glob("*.jsonl")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    # The kernel cuts the write off in the middle, as a full disk would.
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 5, limits[1]))
    try:
        with pytest.raises(OSError, match="no space left for the whole record"):
            spool.append([b"0123456789"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    spool.append([b"after"])
    assert replayed(spool) == [b"before", b"after"]


def test_a_segment_is_locked_while_it_is_written(tmp_path, spool):
    spool.append([b"1"])
    (path,) = (tmp_path / "spool").glob("*.jsonl")
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with pytest.raises(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(descriptor)


def test_a_full_disk_leaves_no_empty_segments(tmp_path, spool):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5, limits[1]))
    try:
        for _ in range(3):
            with pytest.raises(OSError, match="no space left for the whole record"):
                spool.append([b"0123456789"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not list((tmp_path / "spool").iterdir())


def test_at_its_limit_it_takes_no_record_until_some_are_replayed(new_spool):
    spool = new_spool(20)
    spool.append([b"012345678"])
    spool.append([b"9"])
    with pytest.raises(OSError, match="the spool is full, at its limit of 20 bytes"):
        spool.append([b"now", b"together", b"too much"])
    assert spool.size() == 12
    assert replayed(spool) == [b"012345678", b"9"]
    spool.append([b"now", b"it fits"])


def test_the_limit_is_one_for_all_processes_and_holds_for_refused_records_too(new_spool):
    one, other = new_spool(20), new_spool(20)
    one.append([b"0123456789"])
    with pytest.raises(OSError, match="full"):
        other.append([b"0123456789"])
    replayed(one, refuse=[b"0123456789"])
    with pytest.raises(OSError, match="full"):
        other.append([b"0123456789"])


def test_a_database_still_away_costs_no_new_segment(tmp_path, spool):
    def away(records):
        raise ConnectionError("gone")

    for number in range(5):
        spool.append([b"%d" % number])
        with pytest.raises(ConnectionError):
            spool.replay(away)
    assert len(list((tmp_path / "spool").iterdir())) == 1
    assert replayed(spool) == [b"0", b"1", b"2", b"3", b"4"]


def test_a_large_spool_is_kept_in_segments_that_fit_in_memory(tmp_path, new_spool):
    spool = new_spool(100 * 1024**2)
    records = [b"%d" % i + b"x" * 1024**2 for i in range(20)]
    for record in records:
        spool.append([record])
    sizes = [path.stat().st_size for path in (tmp_path / "spool").iterdir()]
    assert len(sizes) == 3
    assert max(sizes) < 10 * 1024**2
    assert replayed(spool) == records


def test_a_segment_just_made_is_not_taken_for_an_orphan(new_spool):
    writer, other = new_spool(LIMIT), new_spool(LIMIT)
    stop, taken = threading.Event(), []

    def take():
        while not stop.is_set():
            other.replay(lambda records: taken.extend(records) or [])

    thread = threading.Thread(target=take)
    thread.start()
    for number in range(1000):
        writer.append([b"%d" % number])
        writer.close()
    stop.set()
    thread.join()
    taken += replayed(other)
    assert sorted(taken, key=int) == [b"%d" % number for number in range(1000)]
