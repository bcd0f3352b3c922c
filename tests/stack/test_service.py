from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from threading import Event

import pytest

from stack import record
from stack.errors import PortBusy, ServiceDied, ServiceSilent
from stack.processes import Process, family, identify
from tests.stack.programs import FAMILY, program, web


def until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def record_file(service):
    return service.state / "pids" / f"{service.name}.json"


@pytest.fixture
def stranger():
    """A process that the stack did not start."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True) as process:
        yield process
        process.kill()


def test_a_started_service_is_healthy_once_it_answers_and_gone_once_it_is_stopped(tmp_path, started, free_port):
    service = started(web(tmp_path, free_port))
    service.wait(Event())
    assert service.is_healthy
    assert service.is_current
    service.stop()
    assert service.process is None
    assert not service.is_healthy


def test_what_a_service_says_is_in_its_log(tmp_path, started, free_port):
    service = started(web(tmp_path, free_port))
    service.wait(Event())
    assert "web says hello" in service.log.read_text()


def test_a_service_leads_a_session_of_its_own_so_that_an_interrupt_at_the_terminal_spares_it(tmp_path, started):
    service = started(program(tmp_path, "import time; time.sleep(600)"))
    assert os.getsid(service.process.pid) == service.process.pid


def test_a_busy_port_is_named_with_the_variable_that_changes_it(tmp_path, free_port):
    with socket.create_server(("127.0.0.1", free_port)), pytest.raises(PortBusy) as refused:
        web(tmp_path, free_port).start()
    assert str(refused.value) == (
        f"Port {free_port} for web is taken by another program; stop that, or choose another port: "
        f"make up ML_WEB_PORT={free_port + 1}"
    )


def test_a_service_that_dies_while_starting_is_told_at_once_with_the_end_of_its_log(tmp_path, started):
    service = started(program(tmp_path, "raise SystemExit('no such file: x.conf')", answers=lambda: False))
    with pytest.raises(ServiceDied, match=r"ended while it was starting(.|\n)*no such file: x\.conf"):
        service.wait(Event())


def test_a_service_that_runs_and_does_not_answer_is_told_after_the_time_allowed(tmp_path, started):
    service = started(program(tmp_path, "import time; time.sleep(600)", answers=lambda: False))
    with pytest.raises(ServiceSilent, match="did not answer"):
        service.wait(Event(), seconds=0.1, poll=0.01)


def test_another_programs_answer_on_the_port_does_not_make_a_dead_service_healthy(tmp_path, started, free_port):
    started(web(tmp_path, free_port)).wait(Event())
    assert not web(tmp_path, free_port, name="dead").is_healthy


def test_changed_settings_make_a_running_service_out_of_date(tmp_path, started, free_port):
    service = started(web(tmp_path, free_port, LEVEL="1"))
    assert not replace(service, environment={"LEVEL": "2"}).is_current


def test_the_users_other_variables_do_not(tmp_path, started, free_port, monkeypatch):
    service = started(web(tmp_path, free_port))
    monkeypatch.setenv("SHLVL", "17")
    assert service.is_current


def test_stop_ends_children_in_sessions_of_their_own_and_those_that_ignore_the_request(tmp_path, started):
    service = started(program(tmp_path, FAMILY, grace=0.5))
    until(lambda: "deaf" in service.log.read_text() and "children" in service.log.read_text())
    members = family(service.process.pid)
    assert len(members) == 3
    service.stop()
    assert not any(member.lives() for member in members)


def test_stop_ends_what_a_killed_service_left_behind(tmp_path, started):
    service = started(program(tmp_path, FAMILY, grace=0.5))
    until(lambda: "deaf" in service.log.read_text() and "children" in service.log.read_text())
    leader = service.process
    left = [member for member in family(leader.pid) if os.getsid(member.pid) == leader.pid and member != leader]
    os.kill(leader.pid, signal.SIGKILL)
    until(lambda: not leader.lives())
    assert service.process is None
    service.stop()
    assert left
    assert not any(member.lives() for member in left)


def test_a_pid_that_another_process_has_now_is_neither_taken_for_the_service_nor_ended(tmp_path, stranger):
    service = program(tmp_path, "")
    record.write(record_file(service), record.Record(stranger.pid, "another boot/17", "x"))
    assert service.process is None
    service.stop()
    assert identify(stranger.pid) is not None


def test_a_record_that_cannot_be_read_counts_as_none(tmp_path):
    service = program(tmp_path, "")
    record_file(service).parent.mkdir()
    record_file(service).write_text('{"pid": 1')
    assert service.process is None
    service.stop()
    assert not record_file(service).exists()


def test_a_process_that_ended_and_waits_to_be_reaped_does_not_live():
    child = subprocess.Popen([sys.executable, "-c", ""])
    until(lambda: identify(child.pid) is None)
    child.wait()


def test_a_dead_service_is_started_again(tmp_path, started, free_port):
    service = started(web(tmp_path, free_port))
    service.wait(Event())
    first = service.process
    os.kill(first.pid, signal.SIGKILL)
    until(lambda: service.process is None)
    service.start()
    service.wait(Event())
    assert service.process != first


def test_identity_holds_for_the_same_process_only():
    me = identify(os.getpid())
    assert me.lives()
    assert not Process(me.pid, "another boot/17").lives()
