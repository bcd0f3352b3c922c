"""A start that could not be safe is refused, with a word on what to do."""

import json
import socket
import subprocess

import httpx
import pytest

from serving.keys import line, new_key
from tests.conftest import REPOSITORY
from tests.serving.fakes import serving_settings
from tests.serving.process import COMMAND, environment, started


@pytest.fixture
def settings(tmp_path):
    return serving_settings(tmp_path, "postgresql:///nowhere?host=/nowhere")


def refused(settings, **variables):
    """What it says when it does not start."""
    done = subprocess.run(
        COMMAND,
        cwd=REPOSITORY,
        env={**environment(settings, 0), **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    return json.loads(done.stderr)["message"]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "api.bank.example"])
def test_without_keys_it_listens_on_loopback_only(settings, host):
    said = refused(settings, SERVING_HOST=host)
    assert said.startswith(f"not started: SERVING_HOST is {host}. Without API keys the service answers on loopback")
    assert "python -m serving.keys new <name>" in said


def test_a_file_of_keys_that_is_not_there_is_named(settings, tmp_path):
    said = refused(settings, SERVING_API_KEYS_FILE=str(tmp_path / "none"))
    assert said.startswith("not started: SERVING_API_KEYS_FILE cannot be read: ")


def test_a_wrong_setting_is_named_but_not_shown(settings):
    said = refused(settings, SERVING_MAX_BODY_BYTES="canary")
    assert "SERVING_MAX_BODY_BYTES: " in said
    assert "canary" not in said


def test_on_all_addresses_a_key_is_wanted_and_a_strange_host_refused(settings, tmp_path):
    key = new_key()
    (tmp_path / "keys").write_text(line("app", key))
    open_to_all = settings.model_copy(update={"host": "0.0.0.0", "api_keys_file": tmp_path / "keys"})
    with started(open_to_all, tmp_path / "log") as (url, _):
        port = url.rpartition(":")[2]
        address = own_address()
        assert httpx.get(f"http://{address}:{port}/health").status_code == 200
        assert httpx.get(f"http://{address}:{port}/docs").status_code == 401
        assert httpx.get(f"http://{address}:{port}/docs", headers={"X-API-Key": key}).status_code == 200
        assert httpx.get(f"{url}/docs", headers={"X-API-Key": key, "Host": "evil.example"}).status_code == 400


def own_address():
    """This machine's address on its network, or loopback's second one where it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            return "127.0.0.2"
        return probe.getsockname()[0]
