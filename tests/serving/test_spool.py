"""Records on disk: kept as a whole or not at all, replayed once, by whoever finds them."""

import fcntl
import os
import resource
import subprocess
import sys

import pytest

from serving.spool import Spool


@pytest.fixture
def spool(tmp_path):
    spool = Spool(tmp_path / "spool")
    yield spool
    spool.close()


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
    assert replayed(Spool(tmp_path / "spool")) == []
    assert replayed(spool) == [b"mine"]


def test_records_of_a_killed_process_are_taken_over(tmp_path, spool):
    code = (
        "import os, pathlib, signal, sys; from serving.spool import Spool;"
        "Spool(pathlib.Path(sys.argv[1])).append([b'orphan']); os.kill(os.getpid(), signal.SIGKILL)"
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
