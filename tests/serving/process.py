"""The service as people run it: a process, and clients that load it."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx

from serving.settings import ServingSettings
from tests.conftest import REPOSITORY

COMMAND = [sys.executable, "-m", "serving"]


@contextlib.contextmanager
def running(settings: ServingSettings, log: Path) -> Iterator[str]:
    """Address of a service that was started with these settings; it is stopped by SIGTERM."""
    with started(settings, log) as (url, _):
        yield url


@contextlib.contextmanager
def started(settings: ServingSettings, log: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The same, with its process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with log.open("ab") as output:
        process = subprocess.Popen(
            COMMAND, cwd=REPOSITORY, env=environment(settings, port), stdout=output, stderr=subprocess.STDOUT
        )
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: process.poll() is not None or answers(url), 30)
        assert process.poll() is None, log.read_text()
        yield url, process
    finally:
        process.terminate()
        process.wait(30)


def environment(settings: ServingSettings, port: int) -> dict[str, str]:
    """The variables that start a service with these settings."""
    given = {**settings.model_dump(exclude_none=True), "port": port}
    return {**os.environ, **{f"SERVING_{name.upper()}": str(value) for name, value in given.items()}}


def answers(url: str) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return ask(f"{url}/health").status_code == 200
    return False


def ask(url: str) -> httpx.Response:
    """On a connection of its own; without the certificates that plain HTTP has no use for, which take 20 ms to read."""
    return httpx.get(url, verify=False)


def until(condition: Callable[[], bool], seconds: float) -> float:
    """Seconds it took."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() < started + seconds, "it did not happen in time"
        time.sleep(0.05)
    return time.monotonic() - started


def version(url: str) -> str | None:
    """Version that serves; ``None`` while none does."""
    answer: str | None = ask(f"{url}/ready").json()["model_version"]
    return answer


def memory(process: subprocess.Popen[bytes], line: str) -> int:
    """Bytes: ``VmRSS`` now, or ``VmHWM``, the most since the last reset."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return 1024 * int(status.split(f"{line}:")[1].split()[0])


@contextlib.contextmanager
def load(url: str, payload: dict, clients: int = 4) -> Iterator[list[httpx.Response]]:
    """Clients that ask without a break meanwhile; their replies are there when it ends."""
    replies: list[httpx.Response] = []
    stop = threading.Event()

    def ask() -> None:
        with httpx.Client() as client:
            while not stop.is_set():
                replies.append(client.post(f"{url}/v1/predict", json=payload))

    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield replies
    finally:
        stop.set()
        for thread in threads:
            thread.join()
